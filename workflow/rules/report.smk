# scores and throughput of all runs -> one table -> one report

GATES = [plan.preflight("first-student")] if plan.first_imitator is not None else []


# throughput is measured alone on the machine, all variants in one process, so that ratios mean something
rule benchmark:
    input:
        ancient(inputs_of(plan.benchmark, plan.infos_index, *(run.record for run in plan.benchmarked))),
    output:
        plan.benchmark,
    log:
        f"{plan.folder}/logs/benchmark.log",
    threads: ALONE
    resources:
        gpu=min(GPUS, 1),
        gpu_jobs=int(GPUS > 0),
        slurm_extra="--exclusive",
        **PREDICT,
    params:
        **WHERE,
    shell:
        "labeldistill benchmark --study {params.study:q} --results {params.results:q} > {log:q} 2>&1"


rule gather:
    input:
        ancient(inputs_of(plan.table, plan.benchmark, plan.arbitration, *GATES, *ALL_SCORES)),
    output:
        plan.table,
    log:
        f"{plan.folder}/logs/gather.log",
    resources:
        **REPORT,
    params:
        **WHERE,
    shell:
        "labeldistill gather {params.study:q} --results {params.results:q} --write > {log:q} 2>&1"


rule report:
    input:
        ancient(inputs_of(plan.report, plan.table, plan.infos_index)),
    output:
        report(plan.report, category="Study", caption="../report/study.rst"),
        report(plan.report.parent / "table.csv", category="Table", caption="../report/table.rst"),
        report(
            directory(plan.report.parent / "figures"),
            patterns=["{figure}.svg", "{figure}.jpg"],
            category="Figures",
            labels={"figure": "{figure}"},
            caption="../report/figures.rst",
        ),
    log:
        f"{plan.folder}/logs/report.log",
    resources:
        **REPORT,
    params:
        **WHERE,
    shell:
        "labeldistill report {params.study:q} --results {params.results:q} --reports {params.reports:q} > {log:q} 2>&1"
