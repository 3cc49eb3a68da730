# The pages. An identity finding that nobody accepted by name in the configuration stops that sample's report, not the run.


rule report:
    input:
        json="findings/{sample}.{panel}.json",
    output:
        folder=directory("reports/{sample}/{panel}"),
    params:
        languages=",".join(RUN.settings["reports"]["languages"]),
        centre=["--centre", config_path("centre")] if RUN.settings["centre"] else [],
    log:
        "logs/report/{sample}.{panel}.log",
    benchmark:
        "benchmarks/report/{sample}.{panel}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    shadow:
        "minimal"
    conda:
        "../envs/genomics_dc.yaml"
    shell:
        """
        (if blocked=$(genomics-dc calls blocked {input.json:q}); then
            genomics-dc report --findings {input.json:q} --output {output.folder:q} --lang {params.languages:q} \
                {params.centre:q}
        else
            mkdir -p {output.folder:q}
            printf '%s\\n' "$blocked" > {output.folder:q}/BLOCKED.txt
            cat {output.folder:q}/BLOCKED.txt >&2
        fi) 2> {log:q}
        """
