# Quality of samples and variants, with plots.


rule cohort_qc:
    input:
        store="store/cohort.vcz",
    output:
        folder=directory("qc"),
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
        genomics-dc qc {input.store:q} --output "$stage"/{output.folder:q} 2> {log:q}
        publish {output:q}
        """
