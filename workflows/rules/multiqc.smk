# One page over what fastp, samtools, bcftools and our own checks say.


rule multiqc:
    input:
        fastp=expand("reads/qc/fastp/{unit}.fastp.json", unit=list(RUN.units)),
        duplicates=[
            f"reads/qc/{sample.name}+{library}.markdup.txt"
            for sample in RUN.samples.values()
            for library in sample.libraries
        ],
        stats=expand("reads/qc/{sample}.{kind}.txt", sample=SAMPLES, kind=["stats", "flagstat"]),
        calls="calls/joint.stats.txt",
        identity="identity/identity.json",
        qc="qc",
    output:
        html="multiqc/multiqc_report.html",
        data=directory("multiqc/multiqc_report_data"),
    log:
        "logs/multiqc.log",
    benchmark:
        "benchmarks/multiqc.tsv"
    conda:
        "../envs/multiqc.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        config=str(STAGE.parent / "multiqc.yaml"),
    shell:
        """
        stage {output:q}
        (genomics-dc calls multiqc-table {input.identity:q} --output "$stage"/genomics_dc_identity_mqc.json
        multiqc --no-ansi --no-version-check --force --filename multiqc_report.html --config {params.config:q} --outdir "$stage"/multiqc \
            {input.fastp:q} {input.duplicates:q} {input.stats:q} {input.calls:q} {input.qc:q} \
            "$stage"/genomics_dc_identity_mqc.json) > {log:q} 2>&1
        publish {output:q} 2>> {log:q}
        """
