"""What is right and wrong about documents: pure rules over values and facts, no text, no clock."""
