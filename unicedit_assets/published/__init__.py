"""The published form of the data: schema, plan, writer, statistics, card, audit and reader."""
