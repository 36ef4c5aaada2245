// fhir-kit-client as it comes: search, book, read, retrieve, amend, cancel. What it needs to know
// is in JOURNEY (tests/consumer/test_foreign_clients.py); what it read is written as JSON.

import { Client } from "fhir-kit-client";

const journey = JSON.parse(process.env.JOURNEY);
const client = new Client({ baseUrl: journey.address });
const options = (word) => ({ headers: journey.headers[word] });

const found = await client.search({
  resourceType: "Slot",
  searchParams: journey.search,
  options: options("search"),
});
const byType = (type) =>
  found.entry.map((entry) => entry.resource).find((resource) => resource.resourceType === type);
const slot = byType("Slot");
const location = byType("Schedule").actor.find((actor) => actor.reference.startsWith("Location/"));

const booked = await client.create({
  resourceType: "Appointment",
  body: {
    ...journey.appointment,
    start: slot.start,
    end: slot.end,
    slot: [{ reference: `Slot/${slot.id}` }],
    participant: [`Patient/${journey.patient}`, location.reference].map((reference) => ({
      actor: { reference },
      status: "accepted",
    })),
  },
  options: options("book"),
});
const read = await client.read({
  resourceType: "Appointment",
  id: booked.id,
  options: options("read"),
});
const retrieved = await client.compartmentSearch({
  resourceType: "Appointment",
  compartment: { resourceType: "Patient", id: journey.patient },
  searchParams: { start: journey.days },
  options: options("retrieve"),
});
const amended = await client.update({
  resourceType: "Appointment",
  id: read.id,
  body: { ...read, comment: "Uses the side door" },
  options: options("amend"),
});
const cancelled = await client.update({
  resourceType: "Appointment",
  id: amended.id,
  body: {
    ...amended,
    status: "cancelled",
    extension: [...amended.extension, journey.reason],
  },
  options: options("cancel"),
});
console.log(JSON.stringify({ read, retrieved: retrieved.entry[0].resource, cancelled }));
