# What each sample's reads say at every base: likelihoods in blocks of like depth. It is the proof of 0/0 for both callers.


rule gvcf_window:
    input:
        bam="reads/{sample}.bam",
        bai="reads/{sample}.bam.bai",
        fasta="reference/genome.fa",
        fai="reference/genome.fa.fai",
        window="calls/windows/{window}.bed",
    output:
        bcf=temp("gvcf/windows/{sample}+{window}.bcf"),
    log:
        "logs/gvcf_window/{sample}+{window}.log",
    benchmark:
        "benchmarks/gvcf_window/{sample}+{window}.tsv"
    conda:
        "../envs/calls.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=480,
    params:
        depth_max=CALLING["depth_max_reads"],
        mapping_quality_min=CALLING["mapping_quality_min"],
        base_quality_min=CALLING["base_quality_min"],
        # Blocks break at the depth that proof asks for, so that one thin base does not spoil its neighbours.
        blocks=",".join(str(depth) for depth in sorted({0, 1, 5, 10, 20, 30, CALLING["reference_depth_min_reads"]})),
    shell:
        """
        stage {output:q}
        bcftools mpileup --no-version -Ob1 -f {input.fasta:q} -R {input.window:q} -d {params.depth_max} \
            -q {params.mapping_quality_min} -Q {params.base_quality_min} -a AD,DP -g {params.blocks} \
            -o "$stage"/{output.bcf:q} {input.bam:q} 2> {log:q}
        publish {output:q} 2>> {log:q}
        """


rule gvcf:
    input:
        windows=lambda wildcards: [f"gvcf/windows/{wildcards.sample}+{window}.bcf" for window in WINDOWS],
    output:
        gvcf="gvcf/{sample}.g.vcf.gz",
        csi="gvcf/{sample}.g.vcf.gz.csi",
    log:
        "logs/gvcf/{sample}.log",
    benchmark:
        "benchmarks/gvcf/{sample}.tsv"
    conda:
        "../envs/calls.yaml"
    threads: 2
    resources:
        mem_mb=1000,
        runtime=240,
    shell:
        """
        stage {output:q}
        (bcftools concat --no-version -Oz --threads {threads} -o "$stage"/{output.gvcf:q} {input.windows:q}
        bcftools index --csi "$stage"/{output.gvcf:q}) 2> {log:q}
        publish {output:q} 2>> {log:q}
        """
