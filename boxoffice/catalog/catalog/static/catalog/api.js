// Talking to the API: tokens, problems, the server's clock, small tools for building elements.
"use strict";

const boxoffice = (globalThis.boxoffice = {});

boxoffice.session = {
  get token() { return localStorage.getItem("token"); },
  get email() { return localStorage.getItem("email"); },
  begin(email, token) { localStorage.setItem("email", email); localStorage.setItem("token", token); changed(); },
  end() { localStorage.removeItem("email"); localStorage.removeItem("token"); changed(); },
};

function changed() { document.dispatchEvent(new CustomEvent("session")); }

// An answer of 400 or above, or none at all (status 0). `body` is the problem that the server described.
class Problem extends Error {
  constructor(status, body, retryAfter) {
    super(body.detail || body.title || "Something went wrong.");
    this.status = status;
    this.body = body;
    this.code = String(body.type || "").split(/[:\/]/).pop();
    this.retryAfter = retryAfter;
  }
}
boxoffice.Problem = Problem;

let clockOffset = 0;
boxoffice.now = () => Date.now() + clockOffset;

boxoffice.call = async (method, path, body, headers = {}) => {
  const options = { method, headers: { Accept: "application/json", ...headers } };
  if (boxoffice.session.token) options.headers.Authorization = `Bearer ${boxoffice.session.token}`;
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers["Content-Type"] = "application/json";
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Problem(0, { detail: "The network did not answer. Are you online?" }, 2);
  }
  const date = Date.parse(response.headers.get("Date"));
  // Whole seconds, which a server renews about once a second: a smaller difference is none.
  if (date) clockOffset = Math.abs(date - Date.now()) > 3000 ? date - Date.now() : 0;
  const text = await response.text();
  const answer = parse(text);
  if (response.ok) return answer;
  if (response.status === 401 && boxoffice.session.token && !path.startsWith("/api/tokens/")) boxoffice.session.end();
  throw new Problem(response.status, answer || {}, Number(response.headers.get("Retry-After")) || 0);
};

function parse(text) {
  try { return text ? JSON.parse(text) : null; } catch { return null; }
}

boxoffice.money = (cents) =>
  new Intl.NumberFormat("en", { style: "currency", currency: "EUR", minimumFractionDigits: cents % 100 ? 2 : 0 }).format(cents / 100);

boxoffice.when = (iso, options = { weekday: "long", day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit" }) =>
  new Intl.DateTimeFormat("en-GB", { ...options, timeZone: "UTC" }).format(new Date(iso));

boxoffice.plural = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

// element("p", {class: "x", onclick: f}, "text", child): text is never read as markup.
boxoffice.element = (name, attributes = {}, ...children) => build(document.createElement(name), attributes, children);
boxoffice.shape = (name, attributes = {}, ...children) => build(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);

function build(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(key, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

boxoffice.toast = (text, seconds = 6) => {
  const note = boxoffice.element("p", { class: "toast" }, text);
  document.getElementById("toasts").append(note);
  setTimeout(() => note.remove(), seconds * 1000);
};

boxoffice.sleep = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
