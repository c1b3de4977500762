"""The lessons: worked examples of the field, one file each, checked against published or exact numbers.

A new one is a file with ``EXPERIMENT = lesson(...)`` and a line here.
"""

LESSONS = {
    "perceptron-iris": ("runs.lessons.perceptron_iris", "one neuron tells two flowers apart"),
    "or-gate": ("runs.lessons.or_gate", "threshold units learn OR by error propagation"),
    "linear-fit": ("runs.lessons.linear_fit", "one rectified neuron learns a straight line"),
    "logistic": ("runs.lessons.logistic", "logistic regression by gradient descent"),
    "least-squares": ("runs.lessons.least_squares", "ordinary, ridge and lasso: closed forms, bias and variance"),
    "autodiff": ("runs.lessons.autodiff", "derivatives of programs, forwards and backwards"),
    "optimizers": ("runs.lessons.optimizers", "seven optimizers on valleys and digits, and vanishing gradients"),
    "pendulum-fit": ("runs.lessons.pendulum_fit", "gravity from a pendulum, by one neuron"),
    "gaussian-process": ("runs.lessons.gaussian_process", "an energy curve from noisy points, with its band"),
    "pca-autoencoder": ("runs.lessons.pca_autoencoder", "few numbers for spins, digits and frames"),
    "pendulum-pinn": (
        "runs.lessons.pendulum_pinn",
        "a network told the pendulum's equation, and g from ten points",
    ),
    "digits-cnn": ("runs.lessons.digits_cnn", "a convolutional network reads digits"),
    "phase-transition": ("runs.lessons.phase_transition", "a network finds T_c where it is unsure"),
    "events": ("runs.lessons.events", "signal against background by three classifiers"),
    "sequence-rnn": ("runs.lessons.sequence_rnn", "an LSTM and a transformer continue a swing"),
    "tracks-gnn": ("runs.lessons.tracks_gnn", "which hits of a detector belong to one particle"),
    "pendulum-autoencoder": ("runs.lessons.pendulum_autoencoder", "how many numbers a picture holds; cleaning it"),
    "pendulum-sindy": ("runs.lessons.pendulum_sindy", "an equation of motion from pictures"),
}
