"""Our modules against recorded values of the released code."""
