# Where a sample can be judged, and how deep each contig is.


rule callable_regions:
    input:
        bam="reads/{sample}.bam",
        bai="reads/{sample}.bam.bai",
        regions="calls/windows/regions.bed",
    output:
        bed="callable/{sample}.bed",
        depth="reads/qc/{sample}.depth.tsv",
    log:
        "logs/callable_regions/{sample}.log",
    benchmark:
        "benchmarks/callable_regions/{sample}.tsv"
    conda:
        "../envs/genomics_dc.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=480,
    params:
        depth_min=CALLABLE["depth_min_reads"],
        mapping_quality_min=CALLABLE["mapping_quality_min"],
        base_quality_min=CALLABLE["base_quality_min"],
    shell:
        """
        stage {output:q}
        (genomics-dc calls callable {input.bam:q} --regions {input.regions:q} --depth-min {params.depth_min} \
            --mapping-quality-min {params.mapping_quality_min} --base-quality-min {params.base_quality_min} \
            --output "$stage"/{output.bed:q}
        samtools bedcov -Q {params.mapping_quality_min} {input.regions:q} {input.bam:q} > "$stage"/{output.depth:q}) 2> {log:q}
        publish {output:q} 2>> {log:q}
        """
