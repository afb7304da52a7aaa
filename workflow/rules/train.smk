# one rule a stage; what a run builds on follows from the plan

RUN = f"{plan.folder}/{{unit}}/seed-{{seed}}/{{key}}"
COMMAND = "labeldistill train {wildcards.unit} --seed {wildcards.seed} --key {wildcards.key} --study {params.study} --results {params.results} > {log} 2>&1"



rule train_teacher:
    input:
        ancient(lambda w: plan.needed_by(w.unit, w.seed, w.key)),
    output:
        f"{RUN}/record.json",
    wildcard_constraints:
        unit="teacher",
    log:
        f"{plan.folder}/logs/train-{{unit}}-{{seed}}-{{key}}.log",
    resources:
        gpu=GPUS,
    params:
        **WHERE,
    shell:
        COMMAND


rule train_label_encoder:
    input:
        ancient(lambda w: plan.needed_by(w.unit, w.seed, w.key)),
    output:
        f"{RUN}/record.json",
    wildcard_constraints:
        unit="label-encoder",
    log:
        f"{plan.folder}/logs/train-{{unit}}-{{seed}}-{{key}}.log",
    resources:
        gpu=GPUS,
    params:
        **WHERE,
    shell:
        COMMAND


rule train_student:
    input:
        ancient(lambda w: plan.needed_by(w.unit, w.seed, w.key)),
    output:
        f"{RUN}/record.json",
    wildcard_constraints:
        unit="(?!(?:teacher|label-encoder)/)[^/]+",
    log:
        f"{plan.folder}/logs/train-{{unit}}-{{seed}}-{{key}}.log",
    resources:
        gpu=GPUS,
    params:
        **WHERE,
    shell:
        COMMAND
