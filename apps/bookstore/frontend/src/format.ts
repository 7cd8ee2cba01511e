const PRICE = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });

export function price(value: number): string {
  return value === 0 ? "Free" : PRICE.format(value);
}

export function year(value: number): string {
  return value < 0 ? `${-value} BC` : String(value);
}

export function bytes(value: number): string {
  return value >= 1 << 20 ? `${(value / (1 << 20)).toFixed(1)} MB` : `${Math.max(1, Math.round(value / 1024))} KB`;
}
