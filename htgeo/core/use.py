"""What htgeo's products are for; written on every map, file and report."""

INTENDED_USE = (
    "Intended for outreach, prevention, service planning and research. Not for stops, searches, raids, immigration "
    "action or scoring of persons. Shows where cases get reported, not where all of them happen."
)
