# one rule per stage; a run's parents follow from the plan
# `exec`: a signal asking for a checkpoint (time limit, preemption) must not end a shell above the training

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


# the gates of teacher and label encoder: before the first student
rule preflight_teachers:
    input:
        ancient(inputs_of(plan.preflight("teachers"), plan.infos_index, *plan.looked_at_teachers)),
    output:
        plan.preflight("teachers"),
    log:
        f"{plan.folder}/logs/preflight-teachers.log",
    resources:
        gpu=min(GPUS, 1),
        gpu_jobs=int(GPUS > 0),
        **PREDICT,
    params:
        **WHERE,
    shell:
        "labeldistill preflight {params.study:q} --step teachers --results {params.results:q} > {log:q} 2>&1"


if plan.first_imitator is not None:

    # what the first student imitates, decoded through the frozen head: as soon as it is trained
    rule preflight_first_student:
        input:
            ancient(inputs_of(plan.preflight("first-student"), plan.infos_index, plan.first_imitator.record)),
        output:
            plan.preflight("first-student"),
        log:
            f"{plan.folder}/logs/preflight-first-student.log",
        priority: 1
        resources:
            gpu=min(GPUS, 1),
            gpu_jobs=int(GPUS > 0),
            **PREDICT,
        params:
            **WHERE,
        shell:
            "labeldistill preflight {params.study:q} --step first-student --results {params.results:q} > {log:q} 2>&1"
