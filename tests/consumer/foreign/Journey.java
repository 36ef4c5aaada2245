// HAPI's DSTU3 client as it comes: search, book, read, retrieve, amend, cancel. What it needs to
// know is in JOURNEY (tests/consumer/test_foreign_clients.py); what it read is written as JSON.

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.rest.client.api.IGenericClient;
import ca.uhn.fhir.rest.client.api.ServerValidationModeEnum;
import ca.uhn.fhir.rest.gclient.IClientExecutable;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import org.hl7.fhir.dstu3.model.Appointment;
import org.hl7.fhir.dstu3.model.Bundle;
import org.hl7.fhir.dstu3.model.Extension;
import org.hl7.fhir.dstu3.model.Reference;
import org.hl7.fhir.dstu3.model.Schedule;
import org.hl7.fhir.dstu3.model.Slot;
import org.hl7.fhir.dstu3.model.StringType;

public class Journey {
    static JsonNode journey;

    /** The headers of a step: none through the proxy. */
    static <T extends IClientExecutable<?, ?>> T sent(String word, T asked) {
        journey.get("headers").get(word).fields()
            .forEachRemaining(each -> asked.withAdditionalHeader(each.getKey(), each.getValue().asText()));
        return asked;
    }

    public static void main(String[] arguments) throws Exception {
        journey = new ObjectMapper().readTree(System.getenv("JOURNEY"));
        FhirContext context = FhirContext.forDstu3();
        if (journey.get("direct").asBoolean()) {
            // It would ask for /metadata first, to which the headers of a step do not belong.
            context.getRestfulClientFactory().setServerValidationMode(ServerValidationModeEnum.NEVER);
        }
        IGenericClient client = context.newRestfulGenericClient(journey.get("address").asText());

        Bundle found = sent("search", client.search()
            .byUrl("Slot?" + journey.get("query").asText()).returnBundle(Bundle.class)).execute();
        Slot slot = first(found, Slot.class);
        Appointment asked = context.newJsonParser()
            .parseResource(Appointment.class, journey.get("appointment").toString());
        asked.setStartElement(slot.getStartElement()).setEndElement(slot.getEndElement());
        asked.addSlot(new Reference("Slot/" + slot.getIdElement().getIdPart()));
        take(asked, "Patient/" + journey.get("patient").asText());
        for (Reference actor : first(found, Schedule.class).getActor()) {
            take(asked, actor.getReference());
        }
        Appointment booked = (Appointment) sent("book", client.create().resource(asked)).execute().getResource();
        String id = booked.getIdElement().getIdPart();
        Appointment read = sent("read", client.read().resource(Appointment.class).withId(id)).execute();
        Bundle retrieved = sent("retrieve", client.search()
            .byUrl(journey.get("address").asText() + "/Patient/" + journey.get("patient").asText()
                + "/Appointment?" + journey.get("daysQuery").asText())
            .returnBundle(Bundle.class)).execute();

        Appointment changed = read.copy();
        changed.setComment("Uses the side door");
        Appointment amended = (Appointment) sent("amend", client.update().resource(changed)).execute().getResource();
        Appointment ended = amended.copy();
        ended.setStatus(Appointment.AppointmentStatus.CANCELLED);
        JsonNode reason = journey.get("reason");
        ended.addExtension(new Extension(reason.get("url").asText(), new StringType(reason.get("valueString").asText())));
        Appointment cancelled = (Appointment) sent("cancel", client.update().resource(ended)).execute().getResource();

        System.out.printf("{\"read\": %s, \"retrieved\": %s, \"cancelled\": %s}%n",
            written(context, read), written(context, first(retrieved, Appointment.class)), written(context, cancelled));
    }

    static void take(Appointment asked, String reference) {
        asked.addParticipant().setActor(new Reference(reference))
            .setStatus(Appointment.ParticipationStatus.ACCEPTED);
    }

    static <T> T first(Bundle bundle, Class<T> type) {
        return bundle.getEntry().stream().map(entry -> entry.getResource())
            .filter(type::isInstance).map(type::cast).findFirst().orElseThrow();
    }

    static String written(FhirContext context, Appointment appointment) {
        return context.newJsonParser().encodeResourceToString(appointment);
    }
}
