# The pages. An identity finding that nobody accepted by name in the configuration stops that sample's report, not the run.


rule report:
    input:
        json="findings/{sample}.{panel}.json",
    output:
        folder=directory("reports/{sample}/{panel}"),
    log:
        "logs/report/{sample}.{panel}.log",
    benchmark:
        "benchmarks/report/{sample}.{panel}.tsv"
    conda:
        "../envs/genomics_dc.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        languages=",".join(RUN.settings["reports"]["languages"]),
    shell:
        """
        stage {output:q}
        (code=0; blocked=$(genomics-dc calls blocked {input.json:q}) || code=$?
        if [ $code -eq 0 ]; then
            genomics-dc report --findings {input.json:q} --output "$stage"/{output.folder:q} --lang {params.languages:q}
        elif [ $code -eq 3 ]; then
            mkdir -p "$stage"/{output.folder:q}
            printf '%s\\n' "$blocked" | tee "$stage"/{output.folder:q}/BLOCKED.txt >&2
        else
            exit $code
        fi) 2> {log:q}
        publish {output:q} 2>> {log:q}
        """
