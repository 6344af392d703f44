# Written by a language model; its hash is checked when it is loaded, so it cannot be edited.
# key: 26c4c408e85542a6de9398a4567a2f97eadd0358af349fe0986ca2e6e7c7bd26
# model: gpt-6-luna, answered by scripted
# time: 2026-11-21T13:09:09+00:00
# template: 1, policy: 1
# validated: on made-up inputs; limits: no network, no rights, memory 2048 MiB, cpu 20 s, file 16 MiB, processes 0, wall clock 30 s
# prompt:
#   def add_moments(x: torch.Tensor) -> torch.Tensor:
#     """Append to each sample the mean and the standard deviation (not corrected) of its features.
#
#     Takes [samples, features] and returns [samples, features + 2].
#
#     >>> add_moments(torch.tensor([[1.0, 3.0]]))
#     tensor([[1., 3., 2., 1.]])
#     """
# sha256 of the code below: 27f5194d1814bc6e92bc7172822d7ca7d56619621db6d610dd315602d35148e5
def add_moments(x: torch.Tensor) -> torch.Tensor:
    """Append to each sample the mean and the standard deviation (not corrected) of its features."""
    mean = x.mean(dim=1, keepdim=True)
    spread = x.std(dim=1, keepdim=True, correction=0)
    return torch.cat([x, mean, spread], dim=1)
