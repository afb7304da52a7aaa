"""Typed settings of studies and runs, with units in their names; study files; the released/corrected switches."""
