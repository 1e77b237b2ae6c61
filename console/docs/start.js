// Shows the API's own OpenAPI document. No validator is asked: nothing of it leaves this page.

SwaggerUIBundle({
  url: "/api/openapi.json",
  dom_id: "#document",
  deepLinking: true,
  validatorUrl: null,
  // A token that is typed in goes with the page.
  persistAuthorization: false,
});
