# Trimmed reads to one duplicate-marked, indexed BAM per sample.
#
# Byte-identical again: -K fixes how bwa mem cuts its batches whatever the threads, and @PG lines carry no command line.


def read_group(wildcards):
    unit = RUN.units[wildcards.unit]
    fields = {
        "ID": f"{unit.sample}.{unit.library}.{unit.lane}",
        "SM": unit.sample,
        "LB": unit.library,
        "PL": READS["platform"],
        "PU": f"{unit.library}.{unit.lane}",
    }
    return "@RG" + "".join(f"\\t{key}:{value}" for key, value in fields.items())


rule align:
    input:
        fastq_1="reads/units/{unit}_1.fastq.gz",
        fastq_2="reads/units/{unit}_2.fastq.gz",
        fasta="reference/genome.fa",
        index=rules.bwa_index.output.index,
    output:
        bam=temp("reads/units/{unit}.bam"),
    log:
        "logs/align/{unit}.log",
    benchmark:
        "benchmarks/align/{unit}.tsv"
    conda:
        "../envs/reads.yaml"
    threads: 8
    resources:
        mem_mb=16000,
        runtime=1440,
    params:
        read_group=read_group,
    shell:
        """
        stage {output:q}
        (bwa mem -K 100000000 -Y -t {threads} -R {params.read_group:q} {input.fasta:q} {input.fastq_1:q} {input.fastq_2:q} \
            | samtools fixmate --no-PG -m -u - - \
            | samtools sort --no-PG -l 1 -@ {threads} -T "$stage"/sort -o "$stage"/{output.bam:q} -) 2> {log:q}
        publish {output:q} 2>> {log:q}
        """


rule mark_duplicates:
    input:
        bams=lambda wildcards: [f"reads/units/{unit}.bam" for unit in units_of(wildcards.sample, wildcards.library)],
    output:
        bam=temp("reads/libraries/{sample}+{library}.bam"),
        stats="reads/qc/{sample}+{library}.markdup.txt",
    log:
        "logs/mark_duplicates/{sample}+{library}.log",
    benchmark:
        "benchmarks/mark_duplicates/{sample}+{library}.tsv"
    conda:
        "../envs/reads.yaml"
    threads: 4
    resources:
        mem_mb=4000,
        runtime=480,
    shell:
        # Lanes of one library share their duplicates; two libraries cannot.
        """
        stage {output:q}
        (samtools merge --no-PG -u -c -p -@ {threads} - {input.bams:q} \
            | samtools markdup --no-PG -@ {threads} -T "$stage"/markdup -f "$stage"/{output.stats:q} - "$stage"/{output.bam:q}
        sed -i "s#$stage/##g" "$stage"/{output.stats:q}) 2> {log:q}
        publish {output:q} 2>> {log:q}
        """


rule sample_bam:
    input:
        bams=lambda wildcards: [
            f"reads/libraries/{wildcards.sample}+{library}.bam" for library in RUN.samples[wildcards.sample].libraries
        ],
    output:
        bam="reads/{sample}.bam",
        bai="reads/{sample}.bam.bai",
    log:
        "logs/sample_bam/{sample}.log",
    benchmark:
        "benchmarks/sample_bam/{sample}.tsv"
    conda:
        "../envs/reads.yaml"
    threads: 4
    resources:
        mem_mb=2000,
        runtime=240,
    shell:
        """
        stage {output:q}
        (samtools merge --no-PG -c -p -@ {threads} -o "$stage"/merged.bam {input.bams:q}
        samtools reheader --no-PG -c "sed -E '/^@PG/s/\\tCL:[^\\t]*//'" "$stage"/merged.bam > "$stage"/{output.bam:q}
        samtools index -@ {threads} "$stage"/{output.bam:q} "$stage"/{output.bai:q}) 2> {log:q}
        publish {output:q} 2>> {log:q}
        """


rule alignment_stats:
    input:
        bam="reads/{sample}.bam",
        bai="reads/{sample}.bam.bai",
    output:
        stats="reads/qc/{sample}.stats.txt",
        flagstat="reads/qc/{sample}.flagstat.txt",
    log:
        "logs/alignment_stats/{sample}.log",
    benchmark:
        "benchmarks/alignment_stats/{sample}.tsv"
    conda:
        "../envs/reads.yaml"
    threads: 2
    resources:
        mem_mb=1000,
        runtime=240,
    shell:
        """
        stage {output:q}
        (samtools stats -@ {threads} {input.bam:q} > "$stage"/{output.stats:q}
        samtools flagstat -@ {threads} {input.bam:q} > "$stage"/{output.flagstat:q}) 2> {log:q}
        publish {output:q} 2>> {log:q}
        """
