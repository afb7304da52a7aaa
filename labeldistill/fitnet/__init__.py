"""FitNets (Romero et al., ICLR 2015) for BEV: the student imitates the teacher's features, undivided and unmasked."""
