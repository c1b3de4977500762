"""The lessons: worked examples of the field, one file each, checked against published or exact numbers.

A new one is a file with ``EXPERIMENT = lesson(...)`` and a line here.
"""

LESSONS = {
    "perceptron-iris": ("runs.lessons.perceptron_iris", "one neuron tells two flowers apart"),
}
