"""Vendors of whom no sample is at hand: exports in the shapes their makers describe, made up here."""

# ruff: noqa: E501 - exports have long lines
import pytest

from leadscore.imports.build import import_tables
from tests.start.test_samples import begun

PARDOT = {
    "prospects.csv": """\
id,email,job_title,company,country,industry,employees,annual_revenue,score,grade,opted_out,crm_lead_fid,created_at
71,Ana@Northwind.example,VP Marketing,Northwind,Germany,Tech,"1,000-5,000",,140,A,0,00Q1,2026-01-05 09:12:31
72,bo@fabrikam.example,,Fabrikam,,,,,3,F,1,,2026-01-07 08:00:00
""",
    "activities.csv": """\
id,prospect_id,visitor_id,type,type_name,details,campaign_id,created_at
1,71,900,2,Page View,https://www.acme.example/pricing?x=1,5,2026-01-05 09:10:00
2,71,900,4,Form,Request a demo,5,2026-01-05 09:12:31
3,,901,2,Page View,https://www.acme.example/,5,2026-01-06 10:00:00
4,72,902,11,Email,January news,5,2026-01-12 14:00:00
5,72,902,1,Email Tracker,https://www.acme.example/blog/a,5,2026-01-12 14:01:00
6,72,902,6,Email,January news,5,2026-01-12 13:00:00
7,71,900,8,Opportunity,Northwind - new,5,2026-01-13 10:00:00
8,71,900,9,Opportunity,Northwind - new,5,2026-02-20 16:45:00
9,72,902,12,Email,January news,5,2026-02-01 10:00:00
2,71,900,4,Form,Request a demo,5,2026-01-05 09:12:31
""",
}
PIPEDRIVE = {
    "people-acme-1.csv": """\
Person - ID,Person - Name,Person - Email,Person - Organization,Person - Person created
5,Ana,"ana@northwind.example, ana@home.example",Northwind,2026-01-05 14:12:31
6,Bo,bo@fabrikam.example,Fabrikam,2026-01-07 13:00:00
""",
    "deals-acme-2.csv": """\
Deal - ID,Deal - Title,Deal - Status,Deal - Deal created,Deal - Won time,Deal - Lost time,Deal - Lost reason,Deal - Value,Person - ID
31,One,won,2026-01-13 15:00:00,2026-02-20 21:45:00,,,12500,5
32,Two,lost,2026-01-19 17:00:00,,2026-03-03 14:00:00,Price,4000,6
33,Three,open,2026-03-20 12:15:00,,,,30000,6
""",
}
ZOHO = {
    "Leads_001.csv": """\
Record Id,First Name,Email,Designation,Company,Country,Industry,Annual Revenue,No. of Employees,Lead Source,Lead Status,Email Opt Out,Created Time,Converted Date Time
zcrm_4500001,Ana,Ana@northwind.example,VP Marketing,Northwind,Germany,-None-,"$ 12,500.00","1,037",Web,Contacted,false,13/01/2026 09:12,20/01/2026 10:00
zcrm_4500002,Bo,bo@fabrikam.example,,Fabrikam,-None-,Finance,,420,-None-,Junk Lead,true,07/01/2026 08:00,
"""
}
SNOWPLOW = {
    "crm.csv": "lead_id,created_at,email\nu1,2026-01-05T14:00:00Z,ana@northwind.example\nu2,2026-01-06T09:00:00Z,bo@fabrikam.example\n",
    "atomic_events.tsv": """\
event_id\tcollector_tstamp\tderived_tstamp\tevent\tevent_name\tuser_id\tdomain_userid\tapp_id\tpage_url\tpage_urlpath
e1\t2026-01-05 14:10:01\t2026-01-05 14:10:00\tpage_view\tpage_view\t\td1\tweb\thttps://www.acme.example/pricing\t/pricing
e2\t2026-01-05 14:10:11\t2026-01-05 14:10:10\tpage_ping\tpage_ping\t\td1\tweb\thttps://www.acme.example/pricing\t/pricing
e3\t2026-01-05 14:12:31\t2026-01-05 14:12:30\tunstruct\tdemo_requested\tu1\td1\tweb\thttps://www.acme.example/demo/\t/demo/
e3\t2026-01-05 14:12:35\t2026-01-05 14:12:30\tunstruct\tdemo_requested\tu1\td1\tweb\thttps://www.acme.example/demo/\t/demo/
e4\t2026-01-06 09:00:00\t2026-01-06 09:00:00\tpage_view\tpage_view\tu2\td2\tweb-staging\thttps://staging.acme.example/\t/
""",
}
AIRBYTE = {
    "contacts.csv": """\
id,createdAt,archived,properties,properties_email,properties_jobtitle,properties_country,properties_createdate,properties_hs_merged_object_ids,_airbyte_extracted_at
51,2026-01-05T14:12:31.000Z,false,"{""email"": ""ana@northwind.example""}",Ana@northwind.example,VP Marketing,Germany,2026-01-05T14:12:31.000Z,,2026-03-31
151,2026-01-07T13:00:00.000Z,false,{},bo@fabrikam.example,,,2026-01-07T13:00:00.000Z,120;121,2026-03-31
201,2026-01-08T13:00:00.000Z,true,{},gone@wingtip.example,,,2026-01-08T13:00:00.000Z,,2026-03-31
""",
    "contacts_property_history.csv": """\
vid,canonical-vid,property,value,timestamp,source-type
51,51,lifecyclestage,marketingqualifiedlead,2026-01-09T16:00:00.000Z,AUTOMATION
51,51,lifecyclestage,marketingqualifiedlead,2026-01-09T16:00:05.000Z,SALESFORCE
120,151,lifecyclestage,marketingqualifiedlead,2026-01-15T14:30:00.000Z,AUTOMATION
151,151,hs_lead_status,UNQUALIFIED,2026-01-21T10:00:00.000Z,CRM_UI
151,151,jobtitle,Head,2026-01-21T10:00:00.000Z,CRM_UI
""",
    "email_events.csv": """\
id,created,type,recipient,emailCampaignId,url,filteredEvent
e1,1768222800000,SENT,ana@northwind.example,600,,false
e3,1768226460000,CLICK,ANA@northwind.example,600,https://www.acme.example/pricing?utm=1,false
e4,1768222805000,CLICK,bo@fabrikam.example,600,https://www.acme.example/u,true
""",
    "deals.csv": """\
id,archived,contacts,properties_dealstage,properties_closedate,properties_amount,properties_closed_lost_reason
7001,false,"[""51"", ""151""]",closedwon,2026-02-20T21:45:00.000Z,12500,
7003,false,"[""151""]",appointmentscheduled,2026-06-30T04:00:00.000Z,30000,
""",
}
FIVETRAN_SALESFORCE = {
    "lead.csv": """\
id,_fivetran_deleted,email,title,company,created_date,is_deleted,master_record_id,converted_contact_id,is_converted,lead_source
00Q5g00000AbCdEEAV,false,ana@northwind.example,VP,Northwind,2026-01-05 14:12:00,false,,0035g00000AbCdAAAV,true,Web
""",
    "lead_history.csv": """\
id,lead_id,field,old_value,new_value,created_date,_fivetran_synced
h1,00Q5g00000AbCdEEAV,Status,Open - Not Contacted,MQL,2026-01-09 16:00:00,2026-03-31 00:00:00
h2,00Q5g00000AbCdEEAV,leadConverted,,,2026-01-13 15:00:00,2026-03-31 00:00:00
""",
}
FIVETRAN_MARKETO = {
    "lead.csv": "id,email,title,created_at,lead_source,unsubscribed,_fivetran_synced\n9,ana@northwind.example,VP,2026-01-05 14:12:31,Web,false,2026-03-31\n",
    "activity_change_data_value.csv": """\
id,lead_id,activity_date,primary_attribute_value,new_value,old_value,reason,_fivetran_synced
1,9,2026-01-09 16:00:00,Funnel Stage,MQL,Known,,2026-03-31
2,9,2026-01-10 16:00:00,Phone,555,,,2026-03-31
""",
    "activity_click_email.csv": "id,lead_id,activity_date,link,_fivetran_synced\n3,9,2026-01-12 14:01:00,https://www.acme.example/pricing?a=1,2026-03-31\n",
}
SAMPLES = {
    "pardot": (
        PARDOT,
        {"71": "2026-01-05T09:12:31", "72": "2026-01-07T08:00:00"},
        {("71", "page_view", "/pricing"), ("71", "demo_request", "Request a demo"), ("72", "email_open", "January news"),
         ("72", "email_click", "/blog/a"), ("72", "unsubscribe", "January news")},
        {("71", "opportunity"), ("71", "won")},
    ),
    "pipedrive": (
        PIPEDRIVE,
        {"5": "2026-01-05T14:12:31", "6": "2026-01-07T13:00:00"},
        set(),
        {("5", "opportunity"), ("5", "won"), ("6", "opportunity"), ("6", "lost")},
    ),
    "zoho": (
        ZOHO,
        {"zcrm_4500001": "2026-01-13T09:12:00", "zcrm_4500002": "2026-01-07T08:00:00"},
        set(),
        {("zcrm_4500001", "opportunity")},
    ),
    "snowplow": (
        SNOWPLOW,
        {"u1": "2026-01-05T14:00:00", "u2": "2026-01-06T09:00:00"},
        {("u1", "page_view", "/pricing"), ("u1", "demo_requested", "/demo")},
        set(),
    ),
    "airbyte": (
        AIRBYTE,
        {"51": "2026-01-05T14:12:31", "151": "2026-01-07T13:00:00"},
        {("51", "email_click", "/pricing")},
        {("51", "mql"), ("151", "mql"), ("151", "rejected"), ("51", "won"), ("151", "won")},
    ),
    "fivetran salesforce": (
        FIVETRAN_SALESFORCE,
        {"00Q5g00000AbCdEEAV": "2026-01-05T14:12:00"},
        set(),
        {("00Q5g00000AbCdEEAV", "mql"), ("00Q5g00000AbCdEEAV", "opportunity")},
    ),
    "fivetran marketo": (
        FIVETRAN_MARKETO, {"9": "2026-01-05T14:12:31"}, {("9", "email_click", "/pricing")}, {("9", "mql")},
    ),
}  # fmt: skip


# Forms of the same vendors that other tools and versions write.
OTHERS = {
    "Pardot, version 5": (
        {
            "p.csv": "id,email,jobTitle,createdAt,score\n71,a@n.example,VP,2026-01-05T09:12:31+00:00,5\n",
            "v.csv": "id,prospectId,visitorId,type,typeName,details,createdAt\n1,71,9,4,Form,Contact us,2026-01-05T09:12:31+00:00\n",
        },
        {("71", "contact_sales")},
        set(),
    ),
    "Zoho, API": (
        {
            "z.csv": "id,Email,Created_Time,Lead_Status,No_of_Employees\n45,a@n.example,2026-01-05T09:12:31+01:00,Junk Lead,12\n"
        },
        set(),
        set(),
    ),
    "Dynamics, API": (
        {
            "l.csv": "leadid,createdon,emailaddress1,statecode\nA1F0C0DE-0000-4000-8000-000000000001,2026-01-05T09:12:00Z,a@n.example,1\n",
            "o.csv": "opportunityid,originatingleadid,actualclosedate,statecode\n1,a1f0c0de-0000-4000-8000-000000000001,2026-02-20,1\n",
        },
        set(),
        {("a1f0c0de-0000-4000-8000-000000000001", "won")},
    ),
    "Snowplow, users by e-mail": (
        {
            "crm.csv": "lead_id,created_at,email\n7,2026-01-05T14:00:00Z,a@n.example\n",
            "e.csv": "event_id,collector_tstamp,event,user_id,domain_userid\ne1,2026-01-05 14:10:01,page_view,,d1\n"
            "e2,2026-01-05 14:12:01,video,A@n.example,d1\n",
        },
        {("7", "page_view"), ("7", "video")},
        set(),
    ),
    "Airbyte, properties as JSON": (
        {
            "contacts.csv": 'id,createdAt,archived,properties,_airbyte_raw_id\n51,2026-01-05T14:12:31.000Z,false,"{""email"": ""a@n.example""}",q\n',
            "email_events.csv": "id,created,type,recipient,filteredEvent,_airbyte_raw_id\ne1,1768226460000,CLICK,A@n.example,false,z\n",
        },
        {("51", "email_click")},
        set(),
    ),
    "Segment, users are the CRM's ids": (
        {
            "crm.csv": "lead_id,created_at,email\nu1,2026-01-05T14:00:00Z,a@n.example\n",
            "t.csv": "id,received_at,timestamp,anonymous_id,user_id,event,event_text\n"
            "t1,2026-01-05 14:12:33.000+00,2026-01-05 14:12:31.000+00,anon,u1,signed_up,Signed Up\n",
        },
        {("u1", "signed_up")},
        set(),
    ),
    "HubSpot, deals without dates of their stages": (
        {
            "c.csv": "Record ID,Email,Create Date,Lifecycle Stage\n51,a@n.example,2026-01-05 09:12,lead\n",
            "d.csv": "Record ID,Pipeline,Deal Stage,Close Date,Associated Contact IDs\n1,P,Closed won,2026-02-20 10:00,51\n"
            "2,P,Proposal,2026-12-20 10:00,51\n",
        },
        set(),
        {("51", "won")},
    ),
    "Salesforce, leads by the API": (
        {
            "a.csv": "Id,CreatedDate,Email,IsConverted,IsDeleted,MasterRecordId\n00Q5g00000AbCdE,2026-01-05T14:12:00.000Z,a@n.example,false,false,\n"
            "00Q5g00000AbCdF,2026-01-05T14:12:00.000Z,b@n.example,false,true,00Q5g00000AbCdE\n",
            "b.csv": "Id,LeadId,Field,NewValue,CreatedDate\n017,00Q5g00000AbCdF,Status,MQL,2026-01-06T14:12:00.000Z\n",
        },
        set(),
        {("00Q5g00000AbCdEEAV", "mql")},
    ),
    "Marketo, another field for the lifecycle": (
        {
            "l.csv": "id,email,createdAt,leadSource\n1,a@n.example,2026-01-05T14:12:31Z,Web\n",
            "a.csv": "marketoGUID,leadId,activityDate,activityTypeId,primaryAttributeValue,attributes\n"
            '1,1,2026-01-06T14:12:31Z,13,Lead Stage,"[{""name"": ""New Value"", ""value"": ""MQL""}]"\n'
            '2,1,2026-01-07T14:12:31Z,13,Phone,"[{""name"": ""New Value"", ""value"": ""55""}]"\n',
        },
        set(),
        {("1", "mql")},
    ),
}


def made(place, files):
    for name, text in files.items():
        (place / name).write_text(text)
    return place


@pytest.mark.parametrize("vendor", SAMPLES)
def test_exports_in_the_shape_a_vendor_describes(tmp_path, vendor):
    files, leads, events, outcomes = SAMPLES[vendor]
    _, asked = begun(made(tmp_path, files))
    imported = import_tables(tmp_path / "data.yaml")
    held = {name: getattr(imported, name).to_pylist() for name in ("leads", "events", "outcomes")}
    assert {row["lead_id"]: row["created_at"].strftime("%Y-%m-%dT%H:%M:%S") for row in held["leads"]} == leads
    assert {(row["lead_id"], row["event"], row["asset"]) for row in held["events"]} == events
    assert {(row["lead_id"], row["stage"]) for row in held["outcomes"]} == outcomes
    assert len(asked) <= 5
    # The vendor's own score is nobody's rule, and no row of an opening knows how the deal ended.
    assert not {"score", "grade"} & {*imported.leads.column_names}
    opened = [row for row in held["outcomes"] if row["stage"] == "opportunity"]
    assert not [row for row in opened if row.get("amount") or row.get("reason")]


@pytest.mark.parametrize("form", OTHERS)
def test_other_forms_of_a_vendor(tmp_path, form):
    files, events, outcomes = OTHERS[form]
    begun(made(tmp_path, files))
    imported = import_tables(tmp_path / "data.yaml")
    assert len(imported.leads) == 1
    assert {(row["lead_id"], row["event"]) for row in imported.events.to_pylist()} == events
    assert {(row["lead_id"], row["stage"]) for row in imported.outcomes.to_pylist()} == outcomes
    assert not {"score", "statecode", "lead_status"} & {*imported.leads.column_names}
