/** The part of the state that lives in the address: #colour=class&pin=12&theme=dark */

export interface Address {
  colour: string | null;
  pin: number | null;
  theme: "light" | "dark" | null;
  drawer: string | null;
}

export function parseAddress(hash: string): Address {
  const values = new URLSearchParams(hash.replace(/^#/, ""));
  const pin = values.get("pin");
  const drawer = values.get("drawer");
  const theme = values.get("theme");
  return {
    colour: values.get("colour"),
    pin: pin !== null && /^\d{1,10}$/.test(pin) ? Number(pin) : null,
    theme: theme === "light" || theme === "dark" ? theme : null,
    drawer: drawer !== null && /^[a-z]{1,20}$/.test(drawer) ? drawer : null,
  };
}

export function readAddress(): Address {
  return parseAddress(location.hash);
}

export function writeAddress(change: Partial<Address>): void {
  const now = { ...readAddress(), ...change };
  const values = new URLSearchParams();
  for (const [name, value] of Object.entries(now)) if (value !== null) values.set(name, String(value));
  const text = values.toString();
  history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
}
