/* Swagger UI for one sandbox. Every request gets a token from the server, which makes them for
   sandboxes only; whatever is not below that sandbox's service root is not sent at all. */

"use strict";

const configuration = JSON.parse(document.getElementById("configuration").textContent);

async function withToken(request) {
  if (request.loadSpec) return request;
  const address = new URL(request.url, location.href);
  const root = new URL(`${configuration.root}/`);
  if (address.origin !== root.origin || !address.pathname.startsWith(root.pathname)) {
    throw new Error("Only requests to the sandbox are sent from here.");
  }
  const named = Object.entries(request.headers).find(
    ([name]) => name.toLowerCase() === "ssp-interactionid",
  );
  const asked = new URL(configuration.headers, location.href);
  asked.searchParams.set("interaction", named ? named[1] : "");
  const answer = await fetch(asked);
  if (answer.ok) Object.assign(request.headers, await answer.json());
  return request;
}

SwaggerUIBundle({
  url: configuration.description,
  dom_id: "#swagger-ui",
  requestInterceptor: withToken,
  docExpansion: "list",
  defaultModelsExpandDepth: -1,
  queryConfigEnabled: false,
  validatorUrl: null,
  showMutatedRequest: true,
  supportedSubmitMethods: ["get", "post", "put"],
});
