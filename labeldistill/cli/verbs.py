"""Every verb, by what one wants: name -> module with a function of that name (or a Typer `app`), its line of help."""

GROUPS: dict[str, dict[str, tuple[str, str]]] = {
    "Run a study": {
        "plan": ("labeldistill.cli.plan", "jobs, hours, disk space and seeds of a study before anything runs"),
        "register": ("labeldistill.cli.register", "declare claims, margins, seeds and analysis before the first score"),
        "train": ("labeldistill.cli.train", "train teacher, label-encoder or a variant with one seed"),
        "predict": ("labeldistill.cli.predict", "detect on the evaluation split with raw and EMA weights"),
        "score": ("labeldistill.cli.score", "score a run's predictions (our evaluator and the devkit)"),
        "arbitrate": ("labeldistill.cli.arbitrate", "have the devkit confirm the scores of every run"),
        "benchmark": ("labeldistill.cli.benchmark", "measure training samples/s, inference latency, peak memory"),
        "gather": ("labeldistill.cli.gather", "one tidy table of every metric of every run"),
        "report": ("labeldistill.cli.report", "write the report of a study"),
        "adopt": ("labeldistill.cli.adopt", "add a released or foreign checkpoint to a study as a run"),
        "ingest": ("labeldistill.cli.ingest", "add an official results JSON of another code base to a study"),
    },
    "Look at one": {
        "status": ("labeldistill.cli.status", "the state of every run of a study, live with --watch"),
        "show": ("labeldistill.cli.show", "print the table, verdicts and report path of a finished study"),
        "table": ("labeldistill.cli.table", "the paper's table: published, reproduced, difference, verdict"),
        "index": ("labeldistill.cli.index", "the page of all reports, with a timeline per metric and its steps"),
        "deviations": ("labeldistill.cli.deviations", "the effect of each oddity of the released code, with intervals"),
        "model": ("labeldistill.cli.model", "parameters of a study's networks: summary"),
        "recipe": ("labeldistill.cli.recipe", "where every setting of a full-size study is in the released code"),
    },
    "Compare": {
        "judge": ("labeldistill.cli.judge", "one result file beside the published claims; known mistakes in it"),
        "compare": ("labeldistill.cli.compare", "result files of ours against result files of theirs, without a study"),
        "diff": ("labeldistill.cli.diff", "what changed between two sets of results, with intervals and verdicts"),
        "bisect": ("labeldistill.cli.bisect", "the commit that made a study worse, by a sequential test at each"),
        "check": ("labeldistill.cli.check", "compare a study with its committed reference band"),
        "publish": ("labeldistill.cli.publish", "copy a study's numbers to fixed names for DVC"),
        "crate": ("labeldistill.cli.crate", "write a finished study as a Workflow Run RO-Crate"),
    },
    "Check before and after": {
        "selfcheck": ("labeldistill.cli.selfcheck", "whether this machine computes right: operators, steps, speed"),
        "preflight": (
            "labeldistill.cli.preflight",
            "ten gates before the first GPU-hour: PASS, WARN, FAIL or SKIPPED",
        ),
        "audit": ("labeldistill.cli.audit", "same bits from the same seed? which loss reaches what?"),
        "parity": ("labeldistill.cli.parity", "compare the modules with recorded values of the released code"),
        "evaluate": ("labeldistill.cli.evaluate", "score any predictions file on any nuScenes folder"),
    },
    "nuScenes and weights": {
        "check-data": ("labeldistill.cli.check_data", "check that a study's nuScenes folder is complete and readable"),
        "manifest": ("labeldistill.cli.manifest", "checksums and counts that describe a study's data"),
        "infos": ("labeldistill.cli.infos", "build the columnar index and depth maps"),
        "synth": ("labeldistill.cli.synth", "write the study's synthetic world as a nuScenes folder"),
        "weights": ("labeldistill.cli.weights", "released checkpoints and start weights: list, import, export, shrink"),
    },
}

VERBS: dict[str, tuple[str, str]] = {name: verb for group in GROUPS.values() for name, verb in group.items()}
