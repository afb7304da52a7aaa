# Inputs are `ancient`: what a result depends on is in its path, so only a missing file causes work, never a file time.
# nuScenes tables and sensor files -> columnar index and depth maps

if plan.study.data.synth is not None:

    rule synth:
        output:
            directory(plan.world),
        log:
            f"{plan.folder}/logs/synth.log",
        threads: ALONE
        resources:
            **DATA,
        params:
            **WHERE,
        shell:
            "labeldistill synth --study {params.study:q} --results {params.results:q} --workers {threads} > {log:q} 2>&1"


rule check_data:
    input:
        ancient(plan.world if plan.study.data.synth is not None else []),
    output:
        plan.data_check,
    log:
        f"{plan.folder}/logs/check-data.log",
    resources:
        **DATA,
    params:
        **WHERE,
    shell:
        "labeldistill check-data --study {params.study:q} --results {params.results:q} > {log:q} 2>&1"


# the first rule that looks at the study as a whole: a gate that fails stops it
rule preflight:
    input:
        ancient(inputs_of(plan.preflight("start"), plan.data_check)),
    output:
        plan.preflight("start"),
    log:
        f"{plan.folder}/logs/preflight-start.log",
    resources:
        gpu=min(GPUS, 1),
        gpu_jobs=int(GPUS > 0),
        **PREDICT,
    params:
        **WHERE,
    shell:
        "labeldistill preflight {params.study:q} --results {params.results:q} > {log:q} 2>&1"


rule infos:
    input:
        ancient(inputs_of(plan.infos_index, plan.data_check, plan.preflight("start"))),
    output:
        plan.infos_index,
    log:
        f"{plan.folder}/logs/infos.log",
    resources:
        **DATA,
    params:
        **WHERE,
    shell:
        "labeldistill infos --study {params.study:q} --results {params.results:q} > {log:q} 2>&1"
