# Quality of samples and variants, with plots.


rule cohort_qc:
    input:
        store=rules.store_build.output.manifest,
    output:
        folder=directory("qc"),
    log:
        "logs/cohort_qc.log",
    benchmark:
        "benchmarks/cohort_qc.tsv"
    conda:
        "../envs/genomics_dc.yaml"
    threads: 2
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        store=STORE,
    shell:
        """
        stage {output:q}
        genomics-dc qc {params.store:q} --output "$stage"/{output.folder:q} 2> {log:q}
        publish {output:q} 2>> {log:q}
        """
