// Changes of seats as they happen: a WebSocket, and polling only while there is none.
"use strict";

// watchSeats(event, {all, some, state}): `all` gets every seat, `some` gets those that changed.
boxoffice.watchSeats = (event, { all, some, state }) => {
  const POLL = 4;
  let polling = 0;
  let pause = 1;

  async function fetchAll() {
    try {
      all(await boxoffice.call("GET", `/api/events/${event}/seats/`));
      return true;
    } catch {
      return false;
    }
  }

  async function poll() {
    clearTimeout(polling);
    state(await fetchAll() ? "polling" : "offline");
    polling = setTimeout(poll, POLL * 1000);
  }

  function connect() {
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/events/${event}/`);
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === "hello") {
        clearTimeout(polling);
        pause = 1;
        state("live");
        fetchAll(); // what changed between the first picture and this moment
      } else if (message.type === "seats") {
        some(message.seats);
      }
    };
    socket.onclose = () => {
      clearTimeout(polling);
      polling = setTimeout(poll, 300);
      setTimeout(connect, pause * 1000 * (0.5 + Math.random()));
      pause = Math.min(pause * 2, 15);
    };
  }

  fetchAll();
  connect();
};
