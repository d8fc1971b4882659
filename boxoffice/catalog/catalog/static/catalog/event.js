// Buying: choose seats, hold them for two minutes, sign in, pay, have the tickets.
"use strict";

(() => {
  const { call, element, money, now, plural, session, sleep, toast } = boxoffice;
  const MOST = 8;
  const TRIES = 8;
  const data = document.getElementById("event").dataset;
  const event = { id: Number(data.event), title: data.title, starts_at: data.starts, venue: data.venue };
  const panel = document.getElementById("panel");
  const saved = `booking-${event.id}`;

  // One booking: chosen seats, then a hold, then an order. It survives a reload of the page.
  let chosen = [];
  let hold = null;
  let wallet = "good"; // the card that was chosen last
  let payment = null; // {key, card}: kept until the outcome is known, so that a repeat is the same request
  let ticking = 0;

  const map = boxoffice.seatMap(document.getElementById("map"), { choose: toggle });
  boxoffice.watchSeats(event.id, { all: onAll, some: onSome, state: showLive });
  document.addEventListener("session", () => hold && showPay());

  function onAll(seats) {
    map.place(seats);
    if (restore) { const first = restore; restore = null; first(); }
    checkChosen();
  }

  function onSome(seats) {
    map.change(seats);
    checkChosen();
  }

  let restore = () => {
    const kept = JSON.parse(sessionStorage.getItem(saved) || "null");
    if (kept && Date.parse(kept.hold.expires_at) > now()) {
      ({ hold, payment } = kept);
      wallet = payment?.card || wallet;
      chosen = hold.seats;
      showPay();
    } else {
      showChoice();
    }
    map.mark(chosen);
  };

  function remember() {
    if (hold) sessionStorage.setItem(saved, JSON.stringify({ hold, payment }));
    else sessionStorage.removeItem(saved);
  }

  function toggle(seat) {
    if (hold) return toast("Your seats are held. Give them back first if you want others.");
    if (chosen.includes(seat.id)) chosen = chosen.filter((id) => id !== seat.id);
    else if (seat.state !== "free") return toast(seat.state === "sold" ? "This seat is sold." : "Somebody is deciding about this seat. It may become free again.");
    else if (chosen.length === MOST) return toast(`You can take up to ${MOST} seats at once.`);
    else chosen = [...chosen, seat.id];
    map.mark(chosen);
    showChoice();
  }

  // Seats that somebody else took while this buyer was still looking.
  function checkChosen() {
    if (hold) return;
    drop(chosen.map(map.seat).filter((seat) => seat.state !== "free"));
  }

  function drop(taken) {
    if (!taken.length) return;
    const gone = new Set(taken.map((seat) => seat.id));
    chosen = chosen.filter((id) => !gone.has(id));
    map.mark(chosen);
    const names = taken.map((seat) => `${seat.row}${seat.number}`).join(", ");
    const kept = chosen.length ? " We kept your other choices." : "";
    toast(`${taken.length === 1 ? `Seat ${names} was` : `Seats ${names} were`} just taken.${kept}`, 8);
    showChoice();
  }

  const total = () => chosen.reduce((sum, id) => sum + map.seat(id).price, 0);

  function show(step, ...children) {
    panel.dataset.step = step;
    panel.replaceChildren(...children.filter(Boolean));
  }

  function picked(removable) {
    return element("ul", { class: "picked" }, chosen.map(map.seat).map((seat) =>
      element("li", {},
        element("span", {}, `Row ${seat.row}, seat ${seat.number}`, element("small", {}, seat.section)),
        element("b", {}, money(seat.price)),
        removable && element("button", { class: "remove", type: "button", "aria-label": `Remove row ${seat.row}, seat ${seat.number}`, onclick: () => toggle(seat) }, "×"))));
  }

  const sum = () => element("p", { class: "sum" }, element("span", {}, plural(chosen.length, "seat")), element("span", {}, money(total())));

  function showChoice() {
    clearInterval(ticking);
    if (!chosen.length) {
      return show("empty", element("h2", {}, "Your seats"), element("p", { class: "lead" }, `Pick up to ${MOST} on the map. Nobody can take them from you while you pay.`));
    }
    const button = element("button", { class: "button wide", type: "button", onclick: () => takeHold(button) }, `Hold ${plural(chosen.length, "seat")} for 2 minutes`);
    show("choose", element("h2", {}, "Your seats"), picked(true), sum(), button);
  }

  async function takeHold(button) {
    button.disabled = true;
    button.classList.add("busy");
    try {
      hold = await call("POST", "/api/holds/", { event: event.id, seats: chosen });
      payment = null;
      remember();
      showPay();
      panel.querySelector("input, button")?.focus({ preventScroll: true });
    } catch (problem) {
      button.disabled = false;
      button.classList.remove("busy");
      if (problem.code === "seats-taken") {
        map.change(problem.body.taken.map(({ id }) => ({ ...map.seat(id), state: "held" })));
        drop(problem.body.taken);
      } else {
        toast(problem.message);
      }
    }
  }

  function showPay(error) {
    const left = element("b", { role: "timer", "aria-label": "Time left" });
    const bar = element("progress", { max: 120, "aria-hidden": "true" });
    const cards = element("fieldset", { class: "wallet" }, element("legend", {}, "Pay with"),
      card("good", "A good card", "4242"), card("declined", "A card the bank declines", "0002"), card("silent", "A bank that answers late", "1984"));
    const pay = element("button", { class: "button wide", type: "submit" }, `Pay ${money(total())}`);
    const step = session.token
      ? element("form", { class: "steps", onsubmit: (submitted) => { submitted.preventDefault(); buy(pay, new FormData(submitted.target).get("card")); } },
          cards, error && element("p", { class: "error", role: "alert" }, error), pay)
      : element("div", { class: "steps" }, boxoffice.signInForm("Where do the tickets go?"));
    show("pay",
      element("div", { class: "held" }, element("h2", {}, "Held for you"),
        element("div", { class: "clock" }, left, element("span", {}, "Nobody else can take these seats until the time is up."), bar)),
      picked(false), sum(), step,
      element("p", { class: "or" }, element("button", { class: "link", type: "button", onclick: giveBack }, "Give the seats back")));
    tick(left, bar);
    if (error) panel.querySelector("[role=alert]")?.scrollIntoView({ block: "nearest" });
  }

  function card(value, name, digits) {
    return element("label", {}, element("input", { type: "radio", name: "card", value, checked: value === wallet }), element("span", {}, name), element("small", {}, `•••• ${digits}`));
  }

  function tick(left, bar) {
    clearInterval(ticking);
    const update = () => {
      const seconds = Math.max(0, Math.round((Date.parse(hold.expires_at) - now()) / 1000));
      left.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
      bar.value = seconds;
      if ([60, 30, 10].includes(seconds)) announce(`${seconds} seconds left to pay.`);
      if (seconds === 0 && !payment) expire();
    };
    ticking = setInterval(update, 1000);
    update();
  }

  function announce(text) {
    const note = element("p", { class: "hidden" }, text);
    document.getElementById("toasts").append(note);
    setTimeout(() => note.remove(), 3000);
  }

  function expire() {
    reset();
    toast("The two minutes are over and your seats are free again. Choose again, they may still be there.", 8);
  }

  function reset() {
    hold = payment = null;
    chosen = [];
    remember();
    map.mark(chosen);
    showChoice();
  }

  async function giveBack() {
    try {
      await call("DELETE", `/api/holds/${hold.id}/`);
      reset();
    } catch (problem) {
      toast(problem.message);
    }
  }

  // The key stays the same until there is a clear answer, so asking again can never charge twice.
  async function buy(button, chosenCard) {
    payment = payment?.card === chosenCard ? payment : { key: randomKey(), card: chosenCard };
    wallet = chosenCard;
    remember();
    panel.querySelectorAll("input, button").forEach((control) => { control.disabled = true; });
    button.classList.add("busy");
    for (let attempt = 1; ; attempt += 1) {
      try {
        return showTickets(await call("POST", "/api/orders/", { hold: hold.id, card: payment.card }, { "Idempotency-Key": payment.key }));
      } catch (problem) {
        const unclear = problem.status === 0 || problem.status >= 500 || problem.code === "still-running";
        if (unclear && attempt < TRIES) {
          button.textContent = "The bank takes its time …";
          if (attempt === 1) announce("The bank takes its time. We ask again; you will not be charged twice.");
          await sleep(problem.retryAfter || Math.min(attempt, 4));
          continue;
        }
        return fail(problem, unclear);
      }
    }
  }

  function fail(problem, unclear) {
    if (unclear) return showPay("There is still no answer from the bank. Press again in a moment: you will not be charged twice.");
    payment = null;
    remember();
    if (problem.code === "hold-expired" || problem.code === "hold-in-use") {
      reset();
      return toast(problem.message, 8);
    }
    return showPay(problem.message);
  }

  const randomKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

  function showTickets(order) {
    clearInterval(ticking);
    hold = payment = null;
    chosen = []; // no longer a choice that somebody could take away; the map goes on showing them as the buyer's
    remember();
    const title = element("h2", { tabindex: "-1" }, "See you there!");
    show("done", title,
      element("p", { class: "lead" }, `Paid ${money(order.total)}. ${order.seats.length === 1 ? "Your ticket is" : "Your tickets are"} on the way to ${session.email}.`),
      element("p", { class: "after" }, "In this demonstration the e-mail is written to the worker’s log: ", element("code", {}, "mainstay logs orders.worker")),
      ...order.seats.map((seat) => boxoffice.ticket(order, seat, event)),
      element("p", { class: "or" }, element("button", { class: "link", type: "button", onclick: reset }, "Choose more seats"), " · ", element("a", { class: "link", href: "/tickets/" }, "My tickets")));
    title.focus({ preventScroll: true });
    panel.scrollTop = 0;
    if (panel.getBoundingClientRect().top > innerHeight / 3) panel.scrollIntoView();
  }

  function showLive(state) {
    document.getElementById("live").dataset.state = state;
    document.getElementById("live-text").textContent = { live: "Live", polling: "Every few seconds", offline: "No connection" }[state];
  }
})();
