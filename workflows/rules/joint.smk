# All samples called together, window by window; 0/0 only where proven; one normalised, filtered VCF.


rule call_window:
    input:
        bams=expand("reads/{sample}.bam", sample=SAMPLES),
        bais=expand("reads/{sample}.bam.bai", sample=SAMPLES),
        fasta="reference/genome.fa",
        fai="reference/genome.fa.fai",
        window="calls/windows/{window}.bed",
        # Only the order matters: identity is known before people are called together; accepting a finding calls nothing anew.
        identity=ancient("identity/identity.json"),
    output:
        bcf=temp("calls/windows/{window}.called.bcf"),
    log:
        "logs/call_window/{window}.log",
    benchmark:
        "benchmarks/call_window/{window}.tsv"
    conda:
        "../envs/calls.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=1440,
    params:
        depth_max=CALLING["depth_max_reads"],
        mapping_quality_min=CALLING["mapping_quality_min"],
        base_quality_min=CALLING["base_quality_min"],
        ploidy=["--ploidy", RUN.settings["assembly"]] if RUN.settings["assembly"] in PLOIDY_ASSEMBLIES else [],
        # An unknown sex counts as female: nothing on X is called haploid without a word of the sheet.
        sexes="".join(f"{one.name}\t{'M' if one.sex == 'male' else 'F'}\n" for one in RUN.samples.values()),
        samples="".join(f"{name}\n" for name in SAMPLES),
    shell:
        (
            """
        stage {output:q}
        (printf %s {params.sexes:q} > "$stage"/sexes.tsv
        bcftools mpileup --no-version -Ou -f {input.fasta:q} -R {input.window:q} -d {params.depth_max} \
            -q {params.mapping_quality_min} -Q {params.base_quality_min} -a AD,DP {input.bams:q} \
            | bcftools call --no-version -m -v -a GQ {params.ploidy:q} -S "$stage"/sexes.tsv -Ob1 -o "$stage"/{output.bcf:q}) 2> {log:q}
        publish {output:q} 2>> {log:q}
        """
            if CALLING["caller"] == "bcftools"
            # freebayes calls every contig diploid here, and writes a missing call as one dot: made ./. . Its header carries
            # the date and the command, which are dropped.
            else """
        stage {output:q}
        (printf %s {params.samples:q} > "$stage"/samples.txt
        freebayes --fasta-reference {input.fasta:q} --targets {input.window:q} --genotype-qualities \
            --min-mapping-quality {params.mapping_quality_min} --min-base-quality {params.base_quality_min} \
            --limit-coverage {params.depth_max} {input.bams:q} \
            | sed -e '/^##fileDate=/d' -e '/^##commandline=/d' -e '/^##reference=/d' \
            | bcftools view --no-version -S "$stage"/samples.txt -Ou \
            | bcftools +fixploidy --no-version -Ob -o "$stage"/{output.bcf:q} -) 2> {log:q}
        publish {output:q} 2>> {log:q}
        """
        )


rule prove_reference:
    input:
        joint="calls/windows/{window}.called.bcf",
        gvcfs=expand("gvcf/{sample}.g.vcf.gz", sample=SAMPLES),
        indexes=expand("gvcf/{sample}.g.vcf.gz.csi", sample=SAMPLES),
        window="calls/windows/{window}.bed",
    output:
        vcf=temp("calls/windows/{window}.proven.vcf.gz"),
    log:
        "logs/prove_reference/{window}.log",
    benchmark:
        "benchmarks/prove_reference/{window}.tsv"
    conda:
        "../envs/genomics_dc.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=480,
    params:
        depth_min=CALLING["reference_depth_min_reads"],
        quality_min=CALLING["reference_quality_min"],
        gvcfs=[f"--gvcf={sample}=gvcf/{sample}.g.vcf.gz" for sample in SAMPLES],
    shell:
        """
        stage {output:q}
        genomics-dc calls prove-reference {input.joint:q} {params.gvcfs:q} --region-bed {input.window:q} \
            --depth-min {params.depth_min} --quality-min {params.quality_min} --output "$stage"/{output.vcf:q} 2> {log:q}
        publish {output:q} 2>> {log:q}
        """


def filter_headers():
    return "".join(
        f'##FILTER=<ID={entry["name"]},Description="{entry["description"]}">\n' for entry in RUN.settings["filters"]
    )


def filter_commands():
    return "".join(
        f" | bcftools filter --no-version -Ou -m + -s {shlex.quote(entry['name'])} -e {shlex.quote(entry['expression'])}"
        for entry in RUN.settings["filters"]
    )


rule joint:
    input:
        windows=expand("calls/windows/{window}.proven.vcf.gz", window=WINDOWS),
        fasta="reference/genome.fa",
        fai="reference/genome.fa.fai",
    output:
        vcf="calls/joint.vcf.gz",
        csi="calls/joint.vcf.gz.csi",
    log:
        "logs/joint.log",
    benchmark:
        "benchmarks/joint.tsv"
    conda:
        "../envs/calls.yaml"
    threads: 2
    resources:
        mem_mb=4000,
        runtime=480,
    params:
        headers=filter_headers(),
        filters=filter_commands(),
        # freebayes writes haplotypes; the store and the comparison want single variants.
        atomize="--atomize" if CALLING["caller"] == "freebayes" else "",
    shell:
        # -c e: a REF allele that is not what the FASTA holds stops the run.
        """
        stage {output:q}
        (printf %s {params.headers:q} > "$stage"/filters.txt
        bcftools concat --no-version -Ou {input.windows:q} \
            | bcftools norm --no-version -Ou -c e -f {input.fasta:q} -m -any {params.atomize} \
            | bcftools norm --no-version -Ou -f {input.fasta:q} -d exact \
            | bcftools +fill-tags --no-version -Ou - -- -t AN,AC,AF \
            | bcftools annotate --no-version -Ou -h "$stage"/filters.txt {params.filters} \
            | bcftools view --no-version -Oz --threads {threads} -o "$stage"/{output.vcf:q}
        bcftools index --csi "$stage"/{output.vcf:q}) 2> {log:q}
        publish {output:q} 2>> {log:q}
        """


rule call_stats:
    input:
        vcf="calls/joint.vcf.gz",
        csi="calls/joint.vcf.gz.csi",
        fasta="reference/genome.fa",
        fai="reference/genome.fa.fai",
    output:
        stats="calls/joint.stats.txt",
    log:
        "logs/call_stats.log",
    benchmark:
        "benchmarks/call_stats.tsv"
    conda:
        "../envs/calls.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=120,
    shell:
        """
        stage {output:q}
        bcftools stats -s - -F {input.fasta:q} {input.vcf:q} > "$stage"/{output.stats:q} 2> {log:q}
        publish {output:q} 2>> {log:q}
        """
