# Findings of one sample and one panel. A gene that was not callable is not assessed, never negative.
SCREENING = RUN.settings["screening"] or {"callable_fraction_min": 0.95}


rule screen:
    input:
        store=rules.store_build.output.manifest,
        annotation="store/cohort.annotation",
        panel=lambda wildcards: str(RUN.panels[wildcards.panel]),
        genes=config_path("reference", "genes"),
        bed="callable/{sample}.bed",
        identity="identity/identity.json",
    output:
        json="findings/{sample}.{panel}.json",
    log:
        "logs/screen/{sample}.{panel}.log",
    benchmark:
        "benchmarks/screen/{sample}.{panel}.tsv"
    conda:
        "../envs/genomics_dc.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        store=STORE,
        declared=lambda wildcards: [
            word
            for option, value in (
                ("--father", RUN.samples[wildcards.sample].father),
                ("--mother", RUN.samples[wildcards.sample].mother),
                ("--sex", RUN.samples[wildcards.sample].sex),
            )
            if value
            for word in (option, value)
        ],
        callable_fraction_min=SCREENING["callable_fraction_min"],
    shell:
        """
        stage {output:q}
        genomics-dc screen {params.store:q} --sample {wildcards.sample:q} --annotation {input.annotation:q} \
            --panel {input.panel:q} --genes {input.genes:q} --callable {input.bed:q} --identity {input.identity:q} \
            {params.declared:q} --callable-fraction-min {params.callable_fraction_min} \
            --output "$stage"/{output.json:q} 2> {log:q}
        publish {output:q} 2>> {log:q}
        """
