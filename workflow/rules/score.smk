# a trained run -> predictions -> scores; all scores -> confirmed by the devkit

# files instead of their folder: each is written whole, the EMA one last, so an existing one is always complete
DETECTIONS = [f"{RUN}/predictions-{{split}}-{{code}}/detections/predictions-{w}.parquet" for w in ("raw", "ema")]
SCORES = f"{RUN}/predictions-{{split}}-{{code}}/metrics-{{scorer}}/metrics.json"
ALL_SCORES = [plan.metrics(run) / "metrics.json" for run in plan.runs]


rule predict:
    input:
        ancient(inputs_of(DETECTIONS[-1], RECORD, plan.infos_index)),
    output:
        DETECTIONS,
    log:
        f"{plan.folder}/logs/predict-{{unit}}-{{seed}}-{{key}}-{{split}}-{{code}}.log",
    resources:
        gpu=min(GPUS, 1),
        gpu_jobs=int(GPUS > 0),
        **PREDICT,
    params:
        **WHERE,
    shell:
        "labeldistill predict {wildcards.unit:q} --seed {wildcards.seed:q} --key {wildcards.key:q} --study {params.study:q} --results {params.results:q} > {log:q} 2>&1"


rule score:
    input:
        ancient(inputs_of(SCORES, *DETECTIONS, plan.data_check)),
    output:
        SCORES,
    log:
        f"{plan.folder}/logs/score-{{unit}}-{{seed}}-{{key}}-{{split}}-{{code}}-{{scorer}}.log",
    resources:
        **SCORE,
    params:
        **WHERE,
    shell:
        "labeldistill score {wildcards.unit:q} --seed {wildcards.seed:q} --key {wildcards.key:q} --study {params.study:q} --results {params.results:q} --no-arbiter > {log:q} 2>&1"


# the devkit loads its tables once and takes the runs in turn: nothing is gathered of scores that it has not confirmed
rule arbitrate:
    input:
        ancient(inputs_of(plan.arbitration, plan.data_check, *ALL_SCORES)),
    output:
        plan.arbitration,
    log:
        f"{plan.folder}/logs/arbitrate.log",
    resources:
        **ARBITRATE,
    params:
        **WHERE,
    shell:
        "labeldistill arbitrate {params.study:q} --results {params.results:q} > {log:q} 2>&1"
