# What each variant does to each transcript, and what is known of it.


rule annotate:
    input:
        store=rules.store_build.output.manifest,
        fasta="reference/genome.fa",
        fai="reference/genome.fa.fai",
        genes=config_path("reference", "genes"),
        clinvar=config_path("annotation", "clinvar"),
        frequencies=config_path("annotation", "frequencies"),
    output:
        folder=directory("store/cohort.annotation"),
    log:
        "logs/annotate.log",
    benchmark:
        "benchmarks/annotate.tsv"
    conda:
        "../envs/genomics_dc.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        store=STORE,
        known=lambda wildcards, input: [
            word
            for option, paths in (("--clinvar", input.clinvar), ("--frequencies", input.frequencies))
            if paths
            for word in (option, str(paths))
        ],
    shell:
        """
        stage {output:q}
        genomics-dc annotate {params.store:q} --genes {input.genes:q} --fasta {input.fasta:q} {params.known:q} \
            --output "$stage"/{output.folder:q} 2> {log:q}
        publish {output:q} 2>> {log:q}
        """
