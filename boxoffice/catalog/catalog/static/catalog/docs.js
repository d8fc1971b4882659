// Both APIs, drawn from their own descriptions; every request can be tried.
"use strict";

(() => {
  const { call, element, session } = boxoffice;
  const place = document.getElementById("docs");
  const NAMES = { catalog: "Events and seats", orders: "Accounts, holds, orders" };

  async function show() {
    const schemas = await call("GET", place.dataset.schemas);
    for (const [name, url] of Object.entries(schemas)) {
      const section = element("section", { class: "service", id: name }, element("h2", {}, NAMES[name] || name));
      place.append(section);
      try {
        const schema = await call("GET", url);
        section.append(element("p", { class: "lead" }, schema.info.description, " ", element("a", { href: url }, `OpenAPI ${schema.openapi}`)));
        for (const [path, verbs] of Object.entries(schema.paths)) {
          for (const [verb, operation] of Object.entries(verbs)) section.append(draw(schema, path, verb, operation));
        }
      } catch (problem) {
        section.append(element("p", { class: "notice" }, problem.message));
      }
    }
    document.getElementById(location.hash.slice(1))?.scrollIntoView();
  }

  const resolve = (schema, node) => (node?.$ref ? node.$ref.slice(2).split("/").reduce((at, key) => at[key], schema) : node);

  function draw(schema, path, verb, operation) {
    const parameters = operation.parameters || [];
    const body = operation.requestBody?.content?.["application/json"]?.schema;
    return element("details", { class: "operation" },
      element("summary", {}, element("span", { class: "verb", "data-verb": verb }, verb.toUpperCase()), element("code", {}, path), element("span", {}, (operation.description || "").split("\n")[0])),
      element("div", { class: "inside" },
        parameters.length ? [element("h4", {}, "Parameters"), table(parameters.map((each) => [each.name, each.in, each.description || ""]))] : null,
        body ? [element("h4", {}, "Body"), fields(schema, body)] : null,
        element("h4", {}, "Answers"),
        table(Object.entries(operation.responses).map(([status, answer]) => [status, answer.description || shapeName(answer), ""])),
        tryOut(schema, path, verb, parameters, body)));
  }

  function shapeName(answer) {
    const schema = answer.content?.["application/json"]?.schema;
    const name = (schema?.items?.$ref || schema?.$ref || "").split("/").pop();
    return schema?.items ? `list of ${name}` : name;
  }

  function fields(schema, body) {
    const { properties = {}, required = [] } = resolve(schema, body);
    return table(Object.entries(properties).map(([name, field]) => {
      const known = resolve(schema, field.allOf?.[0] || field);
      return [name, `${known.type || "object"}${required.includes(name) ? "" : ", optional"}`, field.description || known.enum?.join(", ") || ""];
    }));
  }

  function table(rows) {
    return element("table", {}, rows.map((cells) => element("tr", {}, cells.map((cell, index) => element(index ? "td" : "th", index ? {} : { scope: "row" }, cell)))));
  }

  function example(schema, body) {
    const known = resolve(schema, body.allOf?.[0] || body);
    if (known.default !== undefined) return known.default;
    if (known.enum) return known.enum[0];
    if (known.type === "object") return Object.fromEntries(Object.entries(known.properties || {}).map(([name, field]) => [name, example(schema, field)]));
    if (known.type === "array") return [example(schema, known.items)];
    return known.type === "integer" ? 1 : known.format === "email" ? "you@example.org" : "";
  }

  function tryOut(schema, path, verb, parameters, body) {
    const inputs = parameters.map((each) => ({ ...each, input: element("input", { type: "text", name: each.name, value: each.name === "Idempotency-Key" ? crypto.getRandomValues(new Uint32Array(2)).join("") : "" }) }));
    const text = body && element("textarea", { "aria-label": "Body", spellcheck: "false" }, JSON.stringify(example(schema, body), null, 2));
    const output = element("pre", { tabindex: "0", "aria-label": "Answer", hidden: true });
    return element("form", { onsubmit: send }, element("h4", {}, "Try it"),
      inputs.map(({ name, input }) => element("label", { class: "field" }, element("span", {}, name), input)), text,
      element("p", { class: "more" }, element("button", { class: "button quiet", type: "submit" }, "Send")), output);

    async function send(event) {
      event.preventDefault();
      const headers = session.token ? { Authorization: `Bearer ${session.token}` } : {};
      const query = new URLSearchParams();
      let target = path;
      for (const { name, in: where, input } of inputs) {
        if (where === "path") target = target.replace(`{${name}}`, encodeURIComponent(input.value));
        else if (where === "header") headers[name] = input.value;
        else if (input.value) query.set(name, input.value);
      }
      if (text) headers["Content-Type"] = "application/json";
      const response = await fetch(`${target}${query.size ? `?${query}` : ""}`, { method: verb.toUpperCase(), headers, body: text?.value });
      const answer = await response.text();
      output.hidden = false;
      output.textContent = `${response.status} ${response.statusText}\n\n${pretty(answer)}`;
    }
  }

  function pretty(answer) {
    try { return JSON.stringify(JSON.parse(answer), null, 2); } catch { return answer; }
  }

  show().catch((problem) => place.append(element("p", { class: "notice" }, problem.message)));
})();
