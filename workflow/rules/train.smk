# one rule a stage; what a run builds on follows from the plan

RUN = f"{plan.folder}/{{unit}}/seed-{{seed}}/{{key}}"
COMMAND = f"labeldistill train {{wildcards.unit}} --seed {{wildcards.seed}} --key {{wildcards.key}} --study {STUDY} --results {plan.results} > {{log}} 2>&1"


def parents(wildcards):
    run = plan.run(wildcards.unit, int(wildcards.seed), wildcards.key)
    return [plan.infos_index, *(parent.record for parent in run.parents)]


rule train_teacher:
    input:
        ancient(parents),
    output:
        f"{RUN}/record.json",
    wildcard_constraints:
        unit="teacher",
    log:
        f"{plan.folder}/logs/train-{{unit}}-{{seed}}-{{key}}.log",
    resources:
        gpu=GPUS,
    shell:
        COMMAND


rule train_label_encoder:
    input:
        ancient(parents),
    output:
        f"{RUN}/record.json",
    wildcard_constraints:
        unit="label-encoder",
    log:
        f"{plan.folder}/logs/train-{{unit}}-{{seed}}-{{key}}.log",
    resources:
        gpu=GPUS,
    shell:
        COMMAND


rule train_student:
    input:
        ancient(parents),
    output:
        f"{RUN}/record.json",
    wildcard_constraints:
        unit="(?!teacher|label-encoder)[^/]+",
    log:
        f"{plan.folder}/logs/train-{{unit}}-{{seed}}-{{key}}.log",
    resources:
        gpu=GPUS,
    shell:
        COMMAND
