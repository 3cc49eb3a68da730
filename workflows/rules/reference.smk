# The reference, its index, and the windows that calling is scattered over.
BWA_SUFFIXES = ["amb", "ann", "bwt", "pac", "sa"]


rule reference_fasta:
    input:
        fasta=config_path("reference", "fasta"),
    output:
        fasta="reference/genome.fa",
        fai="reference/genome.fa.fai",
    log:
        "logs/reference_fasta.log",
    benchmark:
        "benchmarks/reference_fasta.tsv"
    conda:
        "../envs/calls.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=60,
    shell:
        """
        stage {output:q}
        (case {input.fasta:q} in
            *.gz) gzip --decompress --stdout {input.fasta:q} > "$stage"/{output.fasta:q} ;;
            *) cp --reflink=auto {input.fasta:q} "$stage"/{output.fasta:q} ;;
        esac
        samtools faidx "$stage"/{output.fasta:q}) 2> {log:q}
        publish {output:q} 2>> {log:q}
        """


rule bwa_index:
    input:
        fasta="reference/genome.fa",
    output:
        index=expand("reference/genome.fa.{suffix}", suffix=BWA_SUFFIXES),
    log:
        "logs/bwa_index.log",
    benchmark:
        "benchmarks/bwa_index.tsv"
    conda:
        "../envs/reads.yaml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=180,
    params:
        # An index beside the configured FASTA is used; a human genome takes an hour to index.
        ready=config_path("reference", "fasta"),
    shell:
        """
        stage {output:q}
        (if [ -s {params.ready:q}.bwt ] && [ -s {params.ready:q}.sa ] && [ {params.ready:q}.sa -nt {params.ready:q} ]; then
            for suffix in amb ann bwt pac sa; do
                cp --reflink=auto {params.ready:q}.$suffix "$stage"/{input.fasta:q}.$suffix
            done
        else
            bwa index -p "$stage"/{input.fasta:q} {input.fasta:q}
        fi) 2> {log:q}
        publish {output:q} 2>> {log:q}
        """


rule windows:
    input:
        fai="reference/genome.fa.fai",
    output:
        windows=expand("calls/windows/{window}.bed", window=WINDOWS),
        regions="calls/windows/regions.bed",
    log:
        "logs/windows.log",
    benchmark:
        "benchmarks/windows.tsv"
    conda:
        "../envs/genomics_dc.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        config=str(CONFIG_FILE),
        regions=RUN.settings["regions"],
        window_bp=CALLING["scatter_window_bp"],
    shell:
        """
        stage {output:q}
        genomics-dc calls windows {params.config:q} --output "$stage"/calls/windows 2> {log:q}
        publish {output:q} 2>> {log:q}
        """
