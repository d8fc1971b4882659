// The buyer's orders, with their tickets and a way out.
"use strict";

(() => {
  const { call, element, money, session, ticket, toast } = boxoffice;
  const place = document.getElementById("tickets");
  const events = new Map();

  async function eventOf(id) {
    if (!events.has(id)) {
      const event = await call("GET", `/api/events/${id}/`);
      events.set(id, { ...event, venue: `${event.venue.name}, ${event.venue.city}` });
    }
    return events.get(id);
  }

  async function show() {
    if (!session.token) {
      place.replaceChildren(element("div", { class: "sign-in" }, boxoffice.signInForm("Sign in to see your tickets", { known: true, titleForNew: "Create an account" })));
      return;
    }
    try {
      const orders = await call("GET", "/api/orders/");
      const cards = await Promise.all(orders.map(async (order) => card(order, await eventOf(order.event))));
      place.replaceChildren(...(cards.length ? cards : [empty()]));
    } catch (problem) {
      if (problem.status !== 401) {
        place.replaceChildren(element("p", { class: "notice" }, problem.message, " ", element("button", { class: "link", type: "button", onclick: show }, "Try again")));
      }
    }
  }

  function empty() {
    return element("div", { class: "empty" }, element("p", {}, element("strong", {}, "No tickets yet.")), element("p", {}, element("a", { class: "button", href: "/" }, "See what is on")));
  }

  function card(order, event) {
    const paid = order.status === "paid";
    const button = element("button", { class: "link", type: "button", onclick: () => cancel(order, button) }, "Cancel and get the money back");
    return element("section", { class: "order", "aria-label": event.title },
      order.seats.map((seat) => ticket(order, seat, event)),
      element("div", { class: "ticket-foot" },
        element("span", {}, `${boxoffice.plural(order.seats.length, "seat")}, ${money(order.total)}`),
        paid ? button : element("span", {}, order.status === "cancelled" ? "Cancelled, the money is on its way back" : order.status)));
  }

  async function cancel(order, button) {
    if (!confirm("Give these seats back? The money returns to your card.")) return;
    button.disabled = true;
    try {
      await call("POST", `/api/orders/${order.id}/cancel/`);
      toast("Cancelled. Somebody else will be happy about these seats.");
      show();
    } catch (problem) {
      button.disabled = false;
      toast(problem.message);
    }
  }

  document.addEventListener("session", show);
  show();
})();
