package org.edgefrac.core

/** Where an image of [width] × [height] pixels lies in the [size] × [size] network input. */
class Placement(val width: Int, val height: Int, val size: Int) {
    val columns: Int = resized(width)
    val rows: Int = resized(height)
    val left: Int = (size - columns) / 2
    val top: Int = (size - rows) / 2

    /** Input coordinates (pixels, 0 = left edge) to those of the image, held within it. */
    fun sourceX(x: Double): Double = ((x - left) * width / columns).coerceIn(0.0, width.toDouble())

    /** Input coordinates (pixels, 0 = top edge) to those of the image, held within it. */
    fun sourceY(y: Double): Double = ((y - top) * height / rows).coerceIn(0.0, height.toDouble())

    private fun resized(side: Int): Int {
        val longer = maxOf(width, height).toLong()
        return maxOf(1L, (2L * side * size + longer) / (2 * longer)).toInt()
    }
}
