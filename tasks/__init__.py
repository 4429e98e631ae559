"""The steps of a cycle: plain functions over the ports, each made a Prefect task in one place.

The order of the steps is written once, in `cycle`, and takes them plain (command line, simulator)
or as tasks (`prefect_steps`).
"""
