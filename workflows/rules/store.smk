# The joint VCF as a store: verified against the reference, whole or not there at all.
STORE = "store/cohort.vcz"


rule store_build:
    input:
        vcf="calls/joint.vcf.gz",
        csi="calls/joint.vcf.gz.csi",
        fasta="reference/genome.fa",
        fai="reference/genome.fa.fai",
    output:
        # Not directory(): Snakemake would lay a file of its own into the store, which `store verify` rightly finds.
        manifest=f"{STORE}/manifest.json",
    log:
        "logs/store_build.log",
    benchmark:
        "benchmarks/store_build.tsv"
    conda:
        "../envs/genomics_dc.yaml"
    threads: 4
    resources:
        mem_mb=8000,
        runtime=480,
    params:
        store=STORE,
        assembly=RUN.settings["assembly"],
    shell:
        """
        stage {params.store:q}
        genomics-dc store build {input.vcf:q} --output "$stage"/{params.store:q} --reference {input.fasta:q} --assembly {params.assembly:q} \
            --workers {threads} 2> {log:q}
        publish {params.store:q} 2>> {log:q}
        """
