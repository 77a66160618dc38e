"""What torch.distributed (gloo) gives for the cases of test_collectives.py: python collective_worker.py RANK WORLD FOLDER."""

import sys

import torch
import torch.distributed as dist

import collectives


def main(rank, world, folder):
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=world)
    halves = [dist.new_group([0, 1]), dist.new_group([2, 3])]
    group = {"world": dist.group.WORLD.group_name, "half": halves[rank // 2].group_name}
    found = {}
    for name, (module, args, which) in collectives.CASES.items():
        found[name] = module(group[which])(*args(rank))
    torch.save(found, f"{folder}/{rank}.pt")
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
