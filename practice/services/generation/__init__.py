"""From templates to a diary: what a plan is, how one is made, and how it is carried out."""
