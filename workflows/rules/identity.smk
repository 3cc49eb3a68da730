# Is each sample who the sheet says? Asked before anything is called together.


rule identity:
    input:
        gvcfs=expand("gvcf/{sample}.g.vcf.gz", sample=SAMPLES),
        indexes=expand("gvcf/{sample}.g.vcf.gz.csi", sample=SAMPLES),
        depths=expand("reads/qc/{sample}.depth.tsv", sample=SAMPLES),
    output:
        json="identity/identity.json",
    log:
        "logs/identity.log",
    benchmark:
        "benchmarks/identity.tsv"
    conda:
        "../envs/genomics_dc.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        config=str(CONFIG_FILE),
        settings=RUN.settings["identity"],
        pedigree=[(one.name, one.sex, one.father, one.mother) for one in RUN.samples.values()],
    shell:
        """
        stage {output:q}
        genomics-dc calls identity {params.config:q} --directory . --output "$stage"/{output.json:q} 2> {log:q}
        publish {output:q} 2>> {log:q}
        """
