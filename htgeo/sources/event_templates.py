"""Templates of files of events."""

from htgeo.sources import nypd_complaints, permitted_events, tahub_cases
from htgeo.sources.file_template import DAY, DEGREES, LAT, LON, NAMES, Field, FileTemplate, csv_content, described
from htgeo.sources.table import KEYS

FileTemplate(
    "nypd_complaints",
    "nypd_complaints.csv",
    "Complaints in the columns of the NYPD export; other columns of it may stay, those of persons are never read",
    described(
        nypd_complaints.COLUMNS,
        {
            "CMPLNT_NUM": Field("number of the complaint; the first row with a number is used", "text", "used"),
            "CMPLNT_FR_DT": Field("day on which it occurred", f"{DAY} or MM/DD/YYYY"),
            "CMPLNT_FR_TM": Field("time of day at which it occurred, local", "HH:MM:SS", "taken as 00:00"),
            "RPT_DT": Field("day on which it was reported; from then on it is known", f"{DAY} or MM/DD/YYYY"),
            "ADDR_PCT_CD": Field("precinct", "whole number", "used if it has coordinates"),
            "OFNS_DESC": Field("offence", "text", "used, of no category"),
            "Latitude": Field("north of the equator", DEGREES, "placed by its precinct"),
            "Longitude": Field("east of Greenwich", DEGREES, "placed by its precinct"),
        },
    ),
    csv_content(
        {
            "CMPLNT_NUM": (200000001, 200000002, 200000003, 200000004),
            "CMPLNT_FR_DT": ("2024-01-05", "2024-01-06", "2024-01-08", "2024-01-09"),
            "CMPLNT_FR_TM": ("23:15:00", "02:40:00", "14:00:00", "19:30:00"),
            "RPT_DT": ("01/06/2024", "01/06/2024", "01/20/2024", "01/09/2024"),
            "ADDR_PCT_CD": (1, 5, 5, 1),
            "OFNS_DESC": ("ROBBERY", "FELONY ASSAULT", "ROBBERY", "BURGLARY"),
            "Latitude": LAT,
            "Longitude": LON,
        }
    ),
    source="nypd_complaints",
)
FileTemplate(
    "tahub_cases",
    "tahub_cases.csv",
    "Verified cases in the columns of the TAHub export; columns of victims and traffickers are never read",
    described(
        tahub_cases.COLUMNS,
        {
            "Incident Reporting Date": Field(
                "day on which the case was reported; it counts as the day it occurred too", DAY
            ),
            "Trafficking Type": Field("kind of trafficking, several joined by commas", "text", "used, of no category"),
            "Industry Sector": Field("where people were exploited; tells two cases apart", "text", "used"),
            "Recruitment Method": Field("tells two cases apart", "text", "used"),
            "Transportation Method": Field("tells two cases apart", "text", "used"),
            "Coercion Method": Field("tells two cases apart", "text", "used"),
            "Data Source": Field("tells two cases apart", "text", "used"),
            "Location Type": Field("what the place is", "one of " + ", ".join(tahub_cases.ROLES)),
            "Latitude": Field("north of the equator; a point shared by many cases becomes its area", DEGREES),
            "Longitude": Field("east of Greenwich", DEGREES),
        },
    ),
    csv_content(
        {
            "Incident Reporting Date": ("2024-01-10", "2024-02-03", "2024-02-20", "2024-03-15"),
            "Trafficking Type": (
                "Labour Exploitation",
                "Sexual Exploitation",
                "Labour Exploitation",
                "Sexual Exploitation",
            ),
            "Industry Sector": ("Hospitality", "Hospitality", "Domestic Work/Servitude", "Hospitality"),
            "Recruitment Method": ("False Promises", "", "False Promises", ""),
            "Transportation Method": ("Car", "", "", "Car"),
            "Coercion Method": ("Debt Bondage", "Debt Bondage", "Psychological Abuse/Threat or Force", ""),
            "Data Source": ("made-up", "made-up", "made-up", "made-up"),
            "Location Type": ("Arrest", "Unknown", "Rescued", "Target"),
            "Latitude": (40.72, 40.76, 40.74, 40.71),
            "Longitude": (-73.99, -73.95, -73.98, -73.94),
        }
    ),
    source="tahub_cases",
)
FileTemplate(
    "nyc_permitted_events",
    "nyc_permitted_events.csv",
    "Permitted events in the columns of the city's export, which have no coordinates",
    described(
        (*permitted_events.COLUMNS, *permitted_events.NATIVE_TIMES),
        {
            "Event ID": Field("number of the permit; the first row with a number and start is used", "text", "used"),
            "Event Name": Field("name; cancelled events are not used", "text", "used"),
            "Start Date/Time": Field("start, local", "MM/DD/YYYY HH:MM:SS AM or PM"),
            "End Date/Time": Field(
                "end, local; an event counts on each of its days",
                "MM/DD/YYYY HH:MM:SS AM or PM",
                "taken as the start day",
            ),
            "Event Type": Field("kind of event", "text", "used, of no category"),
            "Event Borough": Field(
                "borough, used where nothing finer is known", "text", "used if it has a precinct or board"
            ),
            "Community Board": Field("community boards", "numbers joined by commas", "placed by its borough"),
            "Police Precinct": Field("precincts", "numbers joined by commas", "placed by its community board"),
        },
    ),
    csv_content(
        {
            "Event ID": (500001, 500002, 500003),
            "Event Name": ("Made-up market", "Made-up parade", "Made-up run"),
            "Start Date/Time": ("06/01/2024 08:00:00 AM", "06/02/2024 11:00:00 AM", "06/08/2024 07:30:00 AM"),
            "End Date/Time": ("06/01/2024 04:00:00 PM", "06/03/2024 06:00:00 PM", "06/08/2024 12:00:00 PM"),
            "Event Type": ("Farmers Market", "Parade", "Special Event"),
            "Event Borough": NAMES + NAMES[:1],
            "Community Board": ("64,", "64, 65,", "65,"),
            "Police Precinct": ("1,", "1, 5,", "5,"),
        }
    ),
    source="nyc_permitted_events",
)
FileTemplate(
    "table",
    "table.csv",
    "Any table of events: you say which column is which; CSV (plain, gzip, zip), Parquet or a vector file of points",
    described(
        KEYS,
        {
            "occurred": Field(
                "when it occurred; a day, a time, or two columns [date, time]", "ISO 8601, or time_format"
            ),
            "known": Field(
                "when it became known; without it, when it occurred", "ISO 8601, or known_format", needed=False
            ),
            "lon": Field("east of Greenwich", DEGREES, "placed by its area", needed=False),
            "lat": Field("north of the equator", DEGREES, "placed by its area", needed=False),
            "x": Field(
                "instead of lon: easting in the coordinate system crs",
                "unit of crs",
                "placed by its area",
                needed=False,
            ),
            "y": Field(
                "instead of lat: northing in the coordinate system crs",
                "unit of crs",
                "placed by its area",
                needed=False,
            ),
            "category": Field("kind of event", "text", "used, of no category", needed=False),
            "id": Field("number of the event; the first row with a number is used", "text", "used", needed=False),
            "area": Field(
                "name of an area of the region layer area_layer, for events without coordinates",
                "text",
                "used if it has coordinates",
                needed=False,
            ),
            "weight": Field("number of events that the row stands for", "number, 0 or more", needed=False),
        },
    ),
    csv_content(
        {
            "occurred": ("2024-01-05 23:15", "2024-01-06 02:40", "2024-01-08 14:00", "2024-01-09 19:30"),
            "known": ("2024-01-06", "2024-01-06", "2024-01-20", "2024-01-09"),
            "lon": LON,
            "lat": LAT,
            "category": ("robbery", "assault", "robbery", "burglary"),
            "id": ("a1", "a2", "a3", "a4"),
            "area": (NAMES[0], NAMES[1], NAMES[0], NAMES[1]),
            "weight": (1, 1, 2, 1),
        }
    ),
    source="table",
    options={
        "columns": {key: key for key in ("occurred", "known", "lon", "lat", "category", "id", "area", "weight")},
        "area_layer": "borough",
    },
)
