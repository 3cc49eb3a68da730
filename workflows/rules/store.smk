# The joint VCF as a store: verified against the reference, whole or not there at all.


rule store_build:
    input:
        vcf="calls/joint.vcf.gz",
        csi="calls/joint.vcf.gz.csi",
        fasta="reference/genome.fa",
        fai="reference/genome.fa.fai",
    output:
        store=directory("store/cohort.vcz"),
    log:
        "logs/store_build.log",
    benchmark:
        "benchmarks/store_build.tsv"
    threads: 4
    resources:
        mem_mb=8000,
        runtime=480,
    conda:
        "../envs/genomics_dc.yaml"
    shell:
        """
        stage {output:q}
        genomics-dc store build {input.vcf:q} --output "$stage"/{output.store:q} --reference {input.fasta:q} \
            --workers {threads} 2> {log:q}
        publish {output:q}
        """
