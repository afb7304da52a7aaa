# a trained run -> predictions -> scores

rule predict:
    input:
        ancient(f"{RUN}/record.json"),
        ancient(plan.infos_index),
    output:
        directory(f"{RUN}/predictions-{{split}}-{{code}}/detections"),
    log:
        f"{plan.folder}/logs/predict-{{unit}}-{{seed}}-{{key}}-{{split}}-{{code}}.log",
    resources:
        gpu=min(GPUS, 1),
        gpu_jobs=int(GPUS > 0),
        **SCORE,
    params:
        **WHERE,
    shell:
        "labeldistill predict {wildcards.unit} --seed {wildcards.seed} --key {wildcards.key} --study {params.study} --results {params.results} > {log} 2>&1"


rule evaluate:
    input:
        ancient(f"{RUN}/predictions-{{split}}-{{code}}/detections"),
    output:
        f"{RUN}/predictions-{{split}}-{{code}}/metrics-{{scorer}}/metrics.json",
    log:
        f"{plan.folder}/logs/score-{{unit}}-{{seed}}-{{key}}-{{split}}-{{code}}-{{scorer}}.log",
    resources:
        **SCORE,
    params:
        **WHERE,
    shell:
        "labeldistill score {wildcards.unit} --seed {wildcards.seed} --key {wildcards.key} --study {params.study} --results {params.results} > {log} 2>&1"
