# Reads of one unit: out of an alignment when that is what there is, looked at to the last one, trimmed.


def unit_fastq(mate):
    def path(wildcards):
        unit = RUN.units[wildcards.unit]
        return str(unit.fastq[mate - 1]) if unit.fastq else f"reads/units/{unit.name}_{mate}.raw.fastq.gz"

    return path


rule alignment_to_fastq:
    input:
        alignment=lambda wildcards: str(RUN.units[wildcards.unit].alignment),
        fasta="reference/genome.fa",
        fai="reference/genome.fa.fai",
    output:
        fastq_1=temp("reads/units/{unit}_1.raw.fastq.gz"),
        fastq_2=temp("reads/units/{unit}_2.raw.fastq.gz"),
    log:
        "logs/alignment_to_fastq/{unit}.log",
    benchmark:
        "benchmarks/alignment_to_fastq/{unit}.tsv"
    conda:
        "../envs/reads.yaml"
    threads: 4
    resources:
        mem_mb=4000,
        runtime=480,
    shell:
        # -F 0x900 drops secondary and supplementary records; -N keeps names bare; -c 1 because the files live for minutes.
        """
        stage {output:q}
        (samtools quickcheck {input.alignment:q}
        samtools collate -u -O -@ {threads} --reference {input.fasta:q} {input.alignment:q} "$stage"/collate \
            | samtools fastq -N -c 1 -F 0x900 -1 "$stage"/{output.fastq_1:q} -2 "$stage"/{output.fastq_2:q} -0 /dev/null -s /dev/null -
        ) 2> {log:q}
        publish {output:q} 2>> {log:q}
        """


rule trim:
    input:
        fastq_1=unit_fastq(1),
        fastq_2=unit_fastq(2),
    output:
        fastq_1=temp("reads/units/{unit}_1.fastq.gz"),
        fastq_2=temp("reads/units/{unit}_2.fastq.gz"),
        json="reads/qc/fastp/{unit}.fastp.json",
        html="reads/qc/fastp/{unit}.fastp.html",
    log:
        "logs/trim/{unit}.log",
    benchmark:
        "benchmarks/trim/{unit}.tsv"
    conda:
        "../envs/reads.yaml"
    threads: 4
    resources:
        mem_mb=2000,
        runtime=480,
    params:
        off="" if READS["trim"] else "--disable_adapter_trimming --disable_quality_filtering --disable_length_filtering",
    shell:
        # The check names the file, the read and the mend; fastp alone takes mates of other names without a word.
        """
        stage {output:q}
        (genomics-dc calls check-reads {input.fastq_1:q} {input.fastq_2:q}
        fastp --in1 {input.fastq_1:q} --in2 {input.fastq_2:q} --out1 "$stage"/{output.fastq_1:q} --out2 "$stage"/{output.fastq_2:q} \
            --json "$stage"/{output.json:q} --html "$stage"/{output.html:q} --report_title {wildcards.unit:q} --compression 1 \
            --thread {threads} {params.off}
        sed -i "s#$stage/##g" "$stage"/{output.json:q} "$stage"/{output.html:q}) 2> {log:q}
        publish {output:q} 2>> {log:q}
        """
