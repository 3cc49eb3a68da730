#!/usr/bin/env bash
# Reads to a store by hand: what a careful person writes. The commands, options and thresholds are those of the rules.
# In: $PEOPLE, $START and $END (one-based inclusive, on 20), $CORES; ../20.fa, ../PERSON_R{1,2}.fastq.gz; genomics-dc on PATH.
set -euo pipefail
middle=$((START - 1 + (END - START + 1) / 2))
printf '20\t%d\t%d\n' $((START - 1)) "$END" > regions.bed
printf '20\t%d\t%d\n' $((START - 1)) $middle > w0.bed
printf '20\t%d\t%d\n' $middle "$END" > w1.bed
ln -sf ../20.fa genome.fa
samtools faidx genome.fa
bwa index genome.fa 2> bwa_index.log

for s in $PEOPLE; do
    genomics-dc calls check-reads "../${s}_R1.fastq.gz" "../${s}_R2.fastq.gz"
    fastp --in1 "../${s}_R1.fastq.gz" --in2 "../${s}_R2.fastq.gz" --out1 1.fq.gz --out2 2.fq.gz --json "$s.json" \
        --html "$s.html" --compression 1 --thread "$CORES" 2> "$s.fastp.log"
    group="@RG\tID:$s.wgs.1\tSM:$s\tLB:wgs\tPL:ILLUMINA\tPU:wgs.1"
    bwa mem -K 100000000 -Y -t "$CORES" -R "$group" genome.fa 1.fq.gz 2.fq.gz 2> "$s.bwa.log" |
        samtools fixmate --no-PG -m -u - - | samtools sort --no-PG -l 1 -@ "$CORES" -T sort -o sorted.bam -
    samtools markdup --no-PG -@ "$CORES" -T dup -f "$s.markdup.txt" sorted.bam marked.bam
    samtools reheader --no-PG -c "sed -E '/^@PG/s/\tCL:[^\t]*//'" marked.bam > "$s.bam"
    samtools index -@ "$CORES" "$s.bam"
    samtools stats -@ "$CORES" "$s.bam" > "$s.stats.txt"
    samtools flagstat -@ "$CORES" "$s.bam" > "$s.flagstat.txt"
done
rm 1.fq.gz 2.fq.gz sorted.bam marked.bam

pileup() { bcftools mpileup --no-version -f genome.fa -d 1000 -q 0 -Q 13 -a AD,DP "$@"; }
one_person() {
    genomics-dc calls callable "$1.bam" --regions regions.bed --depth-min 10 --mapping-quality-min 20 \
        --base-quality-min 10 --output "$1.bed"
    samtools bedcov -Q 20 regions.bed "$1.bam" > "$1.depth.tsv"
    for w in 0 1; do pileup -Ob1 -R $w.bed -g 0,1,5,8,10,20,30 -o "$1.$w.bcf" "$1.bam" 2> "$1.$w.log"; done
    bcftools concat --no-version -Oz -o "$1.g.vcf.gz" "$1.0.bcf" "$1.1.bcf" 2> "$1.concat.log"
    bcftools index --csi "$1.g.vcf.gz"
}
one_window() {
    pileup -Ou -R "w$1.bed" $BAMS 2> "w$1.log" | bcftools call --no-version -m -v -a GQ -Ob1 -o "w$1.bcf"
    bcftools index --csi "w$1.bcf"
    genomics-dc calls prove-reference "w$1.bcf" $GVCFS --region-bed "w$1.bed" --depth-min 8 --quality-min 20 \
        --output "w$1.vcf.gz"
}
cp w0.bed 0.bed
cp w1.bed 1.bed
BAMS= GVCFS=
for s in $PEOPLE; do
    BAMS="$BAMS $s.bam" GVCFS="$GVCFS --gvcf $s=$s.g.vcf.gz"
done
export BAMS GVCFS
export -f pileup one_person one_window
printf '%s\n' $PEOPLE | xargs -P "$CORES" -I@ bash -euc 'one_person @'
printf '%s\n' 0 1 | xargs -P "$CORES" -I@ bash -euc 'one_window @'

bcftools concat --no-version -Ou w0.vcf.gz w1.vcf.gz | bcftools norm --no-version -Ou -c e -f genome.fa -m -any |
    bcftools norm --no-version -Ou -f genome.fa -d exact | bcftools view --no-version -Oz -o joint.vcf.gz
bcftools index --csi joint.vcf.gz
bcftools stats -s - -F genome.fa joint.vcf.gz > joint.stats.txt
genomics-dc store build joint.vcf.gz --output cohort.vcz --reference genome.fa --workers "$CORES"
