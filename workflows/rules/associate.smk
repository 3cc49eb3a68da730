# One scan per trait, where the configuration gives phenotypes.
ASSOCIATION = RUN.settings["association"] or {"traits": [], "model": "linear", "covariates": None}


rule associate:
    input:
        store=rules.store_build.output.manifest,
        phenotypes=config_path("association", "phenotypes"),
        covariates=config_path("association", "covariates"),
    output:
        table="associations/results.parquet",
    log:
        "logs/associate.log",
    benchmark:
        "benchmarks/associate.tsv"
    conda:
        "../envs/genomics_dc.yaml"
    threads: 4
    resources:
        mem_mb=8000,
        runtime=480,
    params:
        store=STORE,
        traits=",".join(ASSOCIATION["traits"]),
        model=ASSOCIATION["model"],
        covariates=lambda wildcards, input: ["--covariates", str(input.covariates)] if input.covariates else [],
    shell:
        """
        stage {output:q}
        genomics-dc associate {params.store:q} --phenotypes {input.phenotypes:q} --traits {params.traits:q} \
            {params.covariates:q} --model {params.model:q} --output "$stage"/{output.table:q} 2> {log:q}
        publish {output:q} 2>> {log:q}
        """
