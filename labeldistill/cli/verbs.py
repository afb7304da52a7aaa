"""The table of verbs: name -> module with a function of that name, and the line shown in help."""

VERBS: dict[str, tuple[str, str]] = {
    "synth": ("labeldistill.cli.synth", "write the study's synthetic world as a nuScenes folder"),
    "check-data": ("labeldistill.cli.check_data", "check that a study's nuScenes folder is whole and readable"),
    "infos": ("labeldistill.cli.infos", "build the columnar index and depth maps"),
    "train": ("labeldistill.cli.train", "train teacher, label-encoder or a variant with one seed"),
    "predict": ("labeldistill.cli.predict", "detect on the evaluation split with raw and EMA weights"),
    "score": ("labeldistill.cli.score", "score a run's predictions (our evaluator and the devkit)"),
    "evaluate": ("labeldistill.cli.evaluate", "score any predictions file on any nuScenes folder"),
    "ingest": ("labeldistill.cli.ingest", "take in an official results JSON from another code base"),
    "benchmark": ("labeldistill.cli.benchmark", "measure training samples/s, inference latency, peak memory"),
    "gather": ("labeldistill.cli.gather", "one tidy table of every metric of every run"),
    "report": ("labeldistill.cli.report", "write the report of a study"),
    "show": ("labeldistill.cli.show", "print the table, verdicts and report path of a finished study"),
    "table": ("labeldistill.cli.table", "the paper's table: published, reproduced, difference, verdict"),
    "diff": ("labeldistill.cli.diff", "what changed between two sets of results, with intervals and verdicts"),
    "plan": ("labeldistill.cli.plan", "jobs, hours, disk and seeds of a study before anything runs"),
    "publish": ("labeldistill.cli.publish", "copy a study's numbers to fixed names for DVC"),
    "check": ("labeldistill.cli.check", "compare a study with its committed reference band"),
    "parity": ("labeldistill.cli.parity", "compare the modules with recorded values of the released code"),
}
