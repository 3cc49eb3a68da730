# Findings of one sample and one panel. A gene that was not callable is not assessed, never negative.
SCREENING = RUN.settings["screening"] or {"callable_fraction_min": 0.95}


rule screen:
    input:
        store="store/cohort.vcz",
        annotation="store/cohort.annotation",
        panel=lambda wildcards: str(RUN.panels[wildcards.panel]),
        genes=config_path("reference", "genes"),
        bed="callable/{sample}.bed",
        identity="identity/identity.json",
    output:
        json="findings/{sample}.{panel}.json",
    params:
        parents=lambda wildcards: [
            word
            for option, parent in (
                ("--father", RUN.samples[wildcards.sample].father),
                ("--mother", RUN.samples[wildcards.sample].mother),
            )
            if parent
            for word in (option, parent)
        ],
        callable_fraction_min=SCREENING["callable_fraction_min"],
    log:
        "logs/screen/{sample}.{panel}.log",
    benchmark:
        "benchmarks/screen/{sample}.{panel}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    conda:
        "../envs/genomics_dc.yaml"
    shell:
        """
        stage {output:q}
        genomics-dc screen {input.store:q} --sample {wildcards.sample:q} --annotation {input.annotation:q} \
            --panel {input.panel:q} --callable {input.bed:q} --identity {input.identity:q} {params.parents:q} \
            --output "$stage"/{output.json:q} 2> {log:q}
        publish {output:q}
        """
