# Quality of samples and variants, with plots.


rule cohort_qc:
    input:
        store=rules.store_build.output.manifest,
    output:
        folder=directory("qc"),
    params:
        store=STORE,
    log:
        "logs/cohort_qc.log",
    benchmark:
        "benchmarks/cohort_qc.tsv"
    threads: 2
    resources:
        mem_mb=4000,
        runtime=240,
    conda:
        "../envs/genomics_dc.yaml"
    shell:
        """
        stage {output:q}
        genomics-dc qc {params.store:q} --output "$stage"/{output.folder:q} 2> {log:q}
        publish {output:q} 2>> {log:q}
        """
