"""The paper's idea: label maps, label encoder, feature partition, adaptors and the loss terms."""
