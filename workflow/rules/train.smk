# one rule per stage; what a run builds on follows from the plan
# `exec`: a signal that asks for a checkpoint (time limit, preemption) must not end a shell above the training

RUN = f"{plan.folder}/{{unit}}/seed-{{seed}}/{{key}}"
RECORD = f"{RUN}/record.json"
COMMAND = f"exec {launcher(NODES, GPUS)}" "labeldistill train {wildcards.unit:q} --seed {wildcards.seed:q} --key {wildcards.key:q} --study {params.study:q} --results {params.results:q} --wait > {log:q} 2>&1"


rule train_teacher:
    input:
        ancient(inputs_of(RECORD, more=lambda w: plan.needed_by(w.unit, w.seed, w.key))),
    output:
        RECORD,
    wildcard_constraints:
        unit="teacher",
    log:
        f"{plan.folder}/logs/train-{{unit}}-{{seed}}-{{key}}.log",
    threads: CORES
    resources:
        **machines(NODES, GPUS),
        gpu_jobs=int(GPUS > 0),
        **TRAIN,
    params:
        **WHERE,
    shell:
        COMMAND


use rule train_teacher as train_label_encoder with:
    wildcard_constraints:
        unit="label-encoder",


use rule train_teacher as train_student with:
    wildcard_constraints:
        unit="(?!(?:teacher|label-encoder)/)[^/]+",
